package control

import (
	"net/netip"

	"ptbrelay/classify"
)

// message is one that quotes a flow of the client.
func message(client string) *classify.Message {
	vip := netip.MustParseAddr("192.0.2.1")
	return &classify.Message{
		Family: classify.IPv4,
		Router: netip.MustParseAddr("198.51.100.1"),
		VIP:    vip,
		MTU:    1400,
		Flow: classify.MakeFlow(classify.TCP, netip.AddrPortFrom(vip, 443),
			netip.AddrPortFrom(netip.MustParseAddr(client), 50000)),
	}
}

// queued takes what waits for the watcher.
func queued(w *watcher) (events []Event) {
	for {
		select {
		case e := <-w.events:
			events = append(events, e)
		default:
			return events
		}
	}
}
