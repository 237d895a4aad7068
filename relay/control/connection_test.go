package control

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// serving is a connection of a server without a socket, for tests in a bubble.
type serving struct {
	client net.Conn
	server *Server
	ended  chan struct{}
}

func serveOne(ctx context.Context, d Daemon) serving {
	near, far := net.Pipe()
	s := serving{
		client: near,
		server: &Server{hub: new(Hub), daemon: d, selftest: make(chan struct{}, 1)},
		ended:  make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		c := connection{server: s.server, conn: far}
		c.serve(ctx)
	}()
	return s
}

// pass lets time pass in a bubble, where nobody waits for it.
func pass(d time.Duration) { <-time.After(d) }

// endsAfter asserts that the server ends the connection after so long.
func (s serving) endsAfter(t *testing.T, want time.Duration) {
	t.Helper()
	begun := time.Now()
	<-s.ended
	if got := time.Since(begun); got != want {
		t.Errorf("the connection ended after %v, want %v", got, want)
	}
}

// A client that sends no request, or one byte at a time, has 5 seconds.
func TestRequestDeadline(t *testing.T) {
	for name, each := range map[string]string{"silent": "", "slow": " "} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveOne(t.Context(), new(fakeDaemon))
				defer s.client.Close()
				var writing sync.WaitGroup
				defer writing.Wait()
				writing.Go(func() {
					for each != "" {
						if _, err := io.WriteString(s.client, each); err != nil {
							return
						}
						pass(time.Second)
					}
				})
				begun := time.Now()
				line, err := bufio.NewReader(s.client).ReadString('\n')
				if want := `{"error":"no request came within 5s"}` + "\n"; err != nil || line != want {
					t.Errorf("%q %v, want %q", line, err, want)
				}
				if got := time.Since(begun); got != requestTime {
					t.Errorf("answered after %v", got)
				}
				_ = s.client.Close()
				<-s.ended
			})
		})
	}
}

// A client that does not read its answer is dropped after 2 seconds, and so is a
// watcher, who then watches no more.
func TestWriteDeadline(t *testing.T) {
	for _, request := range []string{`{"command":"pause"}`, `{"command":"watch"}`, `{"command":"nonsense"}`} {
		synctest.Test(t, func(t *testing.T) {
			s := serveOne(t.Context(), new(fakeDaemon))
			defer s.client.Close()
			if _, err := io.WriteString(s.client, request+"\n"); err != nil {
				t.Fatal(err)
			}
			s.endsAfter(t, writeTime)
			if n := s.server.hub.watching.Load(); n != 0 {
				t.Errorf("%s: %d watch", request, n)
			}
		})
	}
}

// What could not be shown is told within a second where no event tells it, and
// then once.
func TestSkippedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveOne(t.Context(), new(fakeDaemon))
		lines := bufio.NewScanner(s.client)
		if _, err := io.WriteString(s.client, `{"command":"watch"}`+"\n"); err != nil || !lines.Scan() {
			t.Fatal(err, lines.Err())
		}
		m := message("203.0.113.9")
		const flood = 1000
		for range flood {
			s.server.hub.Received(m, classify.Eligible, outcome.Relayed)
		}
		var shown, skipped uint64
		for shown+skipped < flood && lines.Scan() {
			var e Event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			if e.Verdict != "" {
				shown++
			}
			skipped += e.Skipped
		}
		if shown != uint64(guestPace.burst) || shown+skipped != flood {
			t.Errorf("%d shown, %d skipped; %v", shown, skipped, lines.Err())
		}
		// The next line is the next event, an hour later.
		pass(time.Hour)
		s.server.hub.Received(m, classify.Eligible, outcome.Relayed)
		if !lines.Scan() || strings.Contains(lines.Text(), "skipped") || !strings.Contains(lines.Text(), "relayed") {
			t.Errorf("%q %v", lines.Text(), lines.Err())
		}
		_ = s.client.Close()
		<-s.ended
	})
}

// A selftest that finds no end is ended, also while it waits for its turn; one
// whose client has gone is ended at once.
func TestSelftestEnds(t *testing.T) {
	begin := func(t *testing.T) (s serving, begun chan struct{}) {
		begun = make(chan struct{})
		s = serveOne(t.Context(), &fakeDaemon{selftest: func(ctx context.Context) Selftest {
			close(begun)
			<-ctx.Done()
			return good()
		}})
		return s, begun
	}
	request := `{"command":"selftest"}` + "\n"
	t.Run("endless", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, _ := begin(t)
			_, _ = io.WriteString(s.client, request)
			start := time.Now()
			line, err := bufio.NewReader(s.client).ReadString('\n')
			if err != nil || !strings.HasPrefix(line, `{"transport":"udp"`) || time.Since(start) != selftestTime {
				t.Errorf("%q %v after %v", line, err, time.Since(start))
			}
			_ = s.client.Close()
			<-s.ended
		})
	})
	t.Run("waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, begun := begin(t)
			s.server.selftest <- struct{}{} // another's
			_, _ = io.WriteString(s.client, request)
			line, err := bufio.NewReader(s.client).ReadString('\n')
			if err != nil || !strings.Contains(line, "try again later") {
				t.Errorf("%q %v", line, err)
			}
			_ = s.client.Close()
			<-s.ended
			select {
			case <-begun:
				t.Error("it ran beside the other")
			default:
			}
		})
	})
	t.Run("gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, begun := begin(t)
			_, _ = io.WriteString(s.client, request)
			<-begun
			_ = s.client.Close()
			s.endsAfter(t, 0)
			if len(s.server.selftest) != 0 {
				t.Error("its turn is not over")
			}
		})
	})
}

// When the daemon stops, no client holds it up, whatever it is at.
func TestStopEndsConnections(t *testing.T) {
	for _, request := range []string{"", `{"command":"wat`, `{"command":"watch"}` + "\n", `{"command":"selftest"}` + "\n"} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			s := serveOne(ctx, &fakeDaemon{selftest: func(ctx context.Context) Selftest {
				<-ctx.Done()
				return Selftest{}
			}})
			defer s.client.Close()
			if _, err := io.WriteString(s.client, request); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			stop()
			s.endsAfter(t, 0)
		})
	}
}
