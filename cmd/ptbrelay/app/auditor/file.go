package auditor

import (
	"cmp"
	"context"

	"ptbrelay/audit"
	"ptbrelay/relay/capture"
)

// File reports on a capture file, or, with an error, on as much of it as can be read. An
// interrupted report says so, and is no error.
func File(ctx context.Context, file *capture.File, s Setup) (*audit.Report, error) {
	j, err := newJudge(&s)
	if err != nil {
		return nil, err
	}
	ended := cmp.Or(file.Run(ctx, j.handle), ctx.Err())
	r := j.report(audit.File)
	counts := file.Counts()
	r.Begun, r.Seconds = counts.Earliest, counts.Latest.Sub(counts.Earliest).Seconds()
	if ended != nil {
		r.Ended = ended.Error()
	}
	if ctx.Err() != nil {
		r.Ended = "interrupted"
		return r, nil
	}
	return r, ended
}
