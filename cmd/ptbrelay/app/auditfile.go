package app

import (
	"cmp"
	"context"
	"io"

	"ptbrelay/audit"
	"ptbrelay/config"
)

// auditFile reports on a capture file, or as much of it as can be read.
func auditFile(ctx context.Context, path string, stdin io.Reader, cfg config.Config) (*audit.Report, error) {
	j, err := newJudge(situation{cfg: cfg, host: anywhere()})
	if err != nil {
		return nil, err
	}
	file, err := openCapture(ctx, path, stdin, func() error { return nil })
	if err != nil {
		return nil, err
	}
	defer file.Close()
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
