package app

import (
	"context"
	"fmt"
	"io"

	"ptbrelay/relay/capture"
)

// openCapture opens a capture file; "-" is stdin. Before a read of stdin that may
// wait, waits is called.
func openCapture(ctx context.Context, path string, stdin io.Reader, waits func() error) (*capture.File, error) {
	if path != "-" {
		return openFile(ctx, path)
	}
	f, err := capture.NewFile(&patient{Reader: interruptible(ctx, stdin), waits: waits})
	if err != nil {
		return nil, fmt.Errorf("stdin: %w", err)
	}
	return f, nil
}

// openFile opens a capture file, or returns the context's error once that ends: a named
// pipe that nobody writes to keeps who opens it waiting, who is then left behind.
func openFile(ctx context.Context, path string) (*capture.File, error) {
	type opened struct {
		file *capture.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := capture.OpenFile(path)
		done <- opened{f, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case o := <-done:
		return o.file, o.err
	}
}

// interruptible makes reads end with the context's error once it ends, also one
// that waits: a pipe or terminal cannot be told. What reads it is then left behind
// until the process ends.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	context.AfterFunc(ctx, func() { _ = in.CloseWithError(context.Cause(ctx)) }) // never fails
	go func() {
		_, err := io.Copy(in, r)
		_ = in.CloseWithError(err) // never fails
	}()
	return out
}

// patient says that it may have to wait before it reads.
type patient struct {
	io.Reader
	waits func() error
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.waits(); err != nil {
		return 0, err
	}
	return p.Reader.Read(b)
}
