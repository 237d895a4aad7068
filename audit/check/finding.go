package check

import (
	"errors"
	"io/fs"
)

// Severity is how bad a finding is.
type Severity string

// The closed set of severities, the worst first.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
	// Unknown: what the check looks at could not be read.
	Unknown Severity = "unknown"
	OK      Severity = "ok"
)

// Severities are all of them, the worst first.
func Severities() []Severity { return []Severity{Error, Warning, Info, Unknown, OK} }

// Finding is what one check says of one thing. The JSON is stable.
type Finding struct {
	// ID is the check's.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Subject is what it is about: an interface, a route, an address; empty
	// where it is about the host.
	Subject string `json:"subject"`
	// Read is what was read, and where.
	Read string `json:"read"`
	// Why it matters, and what to do where Mend is empty, in whole sentences; empty
	// where all is well.
	Why string `json:"why"`
	// Mend is the exact command that mends it; empty where there is none.
	Mend string `json:"mend"`
}

// unknown is the finding of a check whose fact could not be read; why says what
// is therefore not known.
func unknown(err error, why string) Finding {
	f := Finding{Severity: Unknown, Read: err.Error(), Why: why}
	if errors.Is(err, fs.ErrPermission) {
		f.Mend = "sudo ptbrelay doctor"
	}
	return f
}

// orOK is what was found, or, where that is nothing, that all is well with what
// was read.
func orOK(found []Finding, read string) []Finding {
	if len(found) > 0 {
		return found
	}
	return []Finding{{Severity: OK, Read: read}}
}
