package transport

import (
	"net/netip"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/integration/labtest"
)

// Three members change their key one by one, in three steps, while each sends to
// the others: nothing is lost.
func TestRotation(t *testing.T) {
	n := labtest.Node(t, "host")
	var members []*member
	for _, at := range []string{"127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"} {
		members = append(members, newMember(t, n, udpConfig(quiet), at).run())
	}
	for i, m := range members {
		var others []netip.AddrPort
		for j, other := range members {
			if i != j {
				others = append(others, other.at(0))
			}
		}
		m.SetPeers(others)
	}
	next := Key{4, 5, 6}
	sent := 0
	exchange := func() {
		t.Helper()
		sent++
		for _, m := range members {
			m.queue(decoded(t, 1))
		}
		for _, m := range members {
			m.await(2 * sent)
		}
	}
	exchange()
	for _, step := range []Keys{{clusterKey, next}, {next, clusterKey}, {next}} {
		for _, m := range members {
			m.SetKeys(step)
			exchange()
		}
	}
	for _, m := range members {
		d := m.Stats().Datagrams[TypePTB]
		if want := (Datagrams{TypePTB: {Opened: uint64(2 * sent)}}); d != want[TypePTB] {
			t.Errorf("%v, want %v", d, want[TypePTB])
		}
	}
}

// Keys that change while handlers wait for whoever changes them.
func TestSetKeysDoesNotWaitForHandlers(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	inside, outside := make(chan struct{}), make(chan struct{})
	one.onPTB = func() {
		close(inside)
		<-outside
	}
	one.run()
	b, _ := newSealer(clusterKey).seal(nil, TypePTB, decoded(t, 1)[0].Packet, time.Now())
	write(t, stranger(t, n, "127.0.0.2:0"), one.at(0), b)
	<-inside
	for range 20 {
		one.SetKeys(Keys{{9}, clusterKey})
		one.SetPeers(addrPorts("127.0.0.2:9"))
	}
	if got := len(one.rekeyed.Load().own); got != ownCount {
		t.Errorf("%d own sessions wait, want %d", got, ownCount)
	}
	close(outside)
	one.await(1)
	var results [1]Result
	one.Send(time.Now(), []classify.Message{decoded(t, 1)[0]}, results[:])
	one.awaitEnded(map[Result]int{Sent: 1})
}
