package integration

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"ptbrelay/integration/lab"
)

// carry connects what connects to a local address of the tests' own namespace, where
// browsers and Prometheus run, with an address that a node reaches. It ends with the
// test. Where nobody answers, it ends the connection.
func carry(t testing.TB, local string, via *lab.Node, to string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", local)
	if err != nil {
		t.Fatal(err)
	}
	ctx, open := t.Context(), new(sync.WaitGroup)
	t.Cleanup(func() {
		_ = l.Close() // it ends what accepts
		open.Wait()
	})
	open.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { join(ctx, from, via, to) })
		}
	})
	return l.Addr().String()
}

// join carries what comes by a connection to an address and back, until either or the
// context ends.
func join(ctx context.Context, from net.Conn, via *lab.Node, address string) {
	defer from.Close()
	defer context.AfterFunc(ctx, func() { _ = from.Close() })()
	to, err := via.Dial(ctx, "tcp", address)
	if err != nil {
		return // the other side sees that it is closed
	}
	go func() {
		defer to.Close()
		_, _ = io.Copy(to, from)
	}()
	_, _ = io.Copy(from, to)
}

// carryHTTP makes the http.listen of a server's daemon reachable.
func carryHTTP(t testing.TB, server *lab.Node) (address string) {
	t.Helper()
	return carry(t, "127.0.0.1:0", server, "localhost:7690")
}
