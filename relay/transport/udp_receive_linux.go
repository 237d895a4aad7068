package transport

import (
	"net/netip"
	"sync"
	"time"
)

// intake opens what the receivers read and gives it to the handlers. Its mutex is
// taken once a batch, and so no two handlers ever run at once.
type intake struct {
	mu       sync.Mutex
	opener   *opener
	plain    [MaxPacket]byte // what was opened last
	receipts budget          // since the start
}

// take is what the receivers call.
func (u *UDP) take(now time.Time, batch []received) {
	u.intake.mu.Lock()
	defer u.intake.mu.Unlock()
	u.adoptKeys()
	peers := u.peers.Load()
	for i := range batch {
		u.receive(now, peers, &batch[i])
	}
}

// receive judges and handles one datagram, and counts it.
func (u *UDP) receive(now time.Time, peers *peerSet, d *received) {
	from := d.from.addrPort()
	fromPeer := peers.has(from)
	o, t, result := u.intake.opener.open(u.intake.plain[:0], d.datagram, fromPeer, now)
	if result == Opened && t == TypeProbe && !u.intake.receipts.take(now.Sub(u.started), receiptInterval, receiptBurst, fromPeer) {
		result = Limited
	}
	u.datagrams.add(t, result)
	if result == Opened {
		u.handle(now, from, fromPeer, t, &o, d)
	}
}

func (u *UDP) handle(now time.Time, from netip.AddrPort, fromPeer bool, t Type, o *opened, d *received) {
	switch t {
	case TypePTB:
		u.handlers.PTB(from, fromPeer, o.payload)
	case TypeProbe:
		u.answer(now, o, d)
	case TypeReceipt:
		u.heard(now, from, o)
	case TypeUnknown, TypePassOn: // never opened
	}
}

// answer sends a receipt to where the probe came from.
func (u *UDP) answer(now time.Time, o *opened, d *received) {
	vips, ok := parseAddresses(o.payload)
	if !ok {
		return
	}
	r := receipt{session: o.session, counter: o.counter, answer: u.handlers.Answer(vips)}
	datagram, _ := u.sealer.Load().seal(nil, TypeReceipt, r.append(nil), now)
	// A receipt that the kernel does not take is a lost one: the peer asks again.
	_ = d.socket.sendTo(d.from, datagram)
}

// Receipts are at most 100 a second, with a burst of 1100: a whole group may probe
// at once, as after a restart.
const (
	receiptInterval = 10 * time.Millisecond
	receiptBurst    = 1100 * receiptInterval
)
