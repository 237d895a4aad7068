package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ptbrelay/integration/labtest"
)

// What came through a pipe is handed over before File waits for more, and the wait
// ends with the context.
func TestPipe(t *testing.T) {
	defer goleak.VerifyNone(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	file := pcapFile(binary.LittleEndian, linkRaw, shot{1, aPacket}, shot{1, aPacket}, shot{1, aPacket})
	if _, err := w.Write(file[:len(file)-1]); err != nil {
		t.Fatal(err)
	}
	f, err := NewFile(r)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- discard(ctx, f) }()
	labtest.Eventually(t, 10*time.Second, "two packets", func() error {
		if n := f.Counts().Packets; n != 2 {
			return errors.New("not yet")
		}
		return nil
	})
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run goes on after its context ended")
	}
}
