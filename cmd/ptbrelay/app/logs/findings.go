package logs

import (
	"log/slog"

	"ptbrelay/audit/check"
)

// maxFindings bounds the lines that one reading of the host puts into the log.
const maxFindings = 20

// maxText bounds what a line says of each, in bytes: the command that mends a setting
// names every interface, of which there may be thousands.
const maxText = 1000

// matter is what of a finding makes it another one for the log.
type matter struct {
	id, subject string
	severity    check.Severity
}

// Findings says which errors and warnings have come since the last reading, and
// which have gone.
func Findings(log *slog.Logger, last, now []check.Finding) {
	were, are := matters(last), matters(now)
	lines := 0
	say := func(level func(string, ...any), what string, f check.Finding) {
		if lines++; lines <= maxFindings {
			level(what, "id", f.ID, "severity", f.Severity, "subject", f.Subject, "read", Cut(f.Read), "mend", Cut(f.Mend))
		}
	}
	for _, f := range now {
		if m := matterOf(f); are[m] && !were[m] {
			say(log.Warn, "finding", f)
		}
	}
	for _, f := range last {
		if m := matterOf(f); were[m] && !are[m] {
			say(log.Info, "finding is gone", f)
		}
	}
	if lines > maxFindings {
		log.Warn("more findings have come or gone: see ptbrelay doctor", "number", lines-maxFindings)
	}
}

// Cut is the text, or where it is too long for a line what stands for it: half of a
// command must not look like one.
func Cut(text string) string {
	if len(text) > maxText {
		return "too long for a line: see ptbrelay doctor"
	}
	return text
}

func matterOf(f check.Finding) matter { return matter{f.ID, f.Subject, f.Severity} }

// matters are those of errors and warnings.
func matters(all []check.Finding) map[matter]bool {
	found := make(map[matter]bool)
	for _, f := range all {
		if f.Severity == check.Error || f.Severity == check.Warning {
			found[matterOf(f)] = true
		}
	}
	return found
}
