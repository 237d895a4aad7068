package control

import (
	"context"
	"time"
)

// answerTime is what the daemon gets to answer.
const answerTime = 5 * time.Second

// Client asks the daemon whose socket is at Path. Its errors say what to do;
// when the context ends they are the context's.
type Client struct{ Path string }

// Pause stops sending and injecting.
func (c Client) Pause(ctx context.Context) (Switch, error) {
	return ask[Switch](ctx, c.Path, answerTime, request{Command: commandPause})
}

// Resume goes on sending and injecting.
func (c Client) Resume(ctx context.Context) (Switch, error) {
	return ask[Switch](ctx, c.Path, answerTime, request{Command: commandResume})
}

// Snapshot reads the daemon's state.
func (c Client) Snapshot(ctx context.Context) (Snapshot, error) {
	return ask[Snapshot](ctx, c.Path, answerTime, request{Command: commandSnapshot})
}

// Selftest has the daemon try itself and its peers, which takes seconds.
func (c Client) Selftest(ctx context.Context) (Selftest, error) {
	return ask[Selftest](ctx, c.Path, selftestTime+answerTime, request{Command: commandSelftest})
}

// Watch begins to watch: it returns when whatever the daemon is done with from
// then on is seen.
func (c Client) Watch(ctx context.Context, f Filter) (*Watch, error) {
	call, err := begin(ctx, c.Path, answerTime, f.request())
	if err != nil {
		return nil, err
	}
	if err := call.read(new(watching)); err != nil {
		call.end()
		return nil, err
	}
	if err := call.conn.SetDeadline(time.Time{}); err != nil {
		call.end()
		return nil, err
	}
	return &Watch{call}, nil
}

// Watch is a stream of events.
type Watch struct{ call *call }

// Next waits for the next event. It fails when the context of the watch or the
// daemon ends, and when events are not read for so long that the daemon drops the
// connection.
func (w *Watch) Next() (Event, error) {
	var e Event
	err := w.call.read(&e)
	return e, err
}

// Close ends the watch.
func (w *Watch) Close() { w.call.end() }

// ask sends a request that has one answer.
func ask[Answer any](ctx context.Context, path string, within time.Duration, r request) (Answer, error) {
	var a Answer
	call, err := begin(ctx, path, within, r)
	if err != nil {
		return a, err
	}
	defer call.end()
	err = call.read(&a)
	return a, err
}
