package integration

import (
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
)

// repeated are values of a distribution, in bytes, and how often each comes.
type repeated []struct {
	value uint16
	count int
}

// each calls f for every single one.
func (r repeated) each(f func(i int, value uint16)) {
	i := 0
	for _, v := range r {
		for range v.count {
			f(i, v.value)
			i++
		}
	}
}

// arrivals are what comes in to the server of one family: MSS of SYNs, and MTUs of
// PTBs. The SYNs of both are fewer than a sample takes at once.
type arrivals struct {
	family    classify.Family
	lab       lab.Family
	mss, mtus repeated
}

var arriving = []arrivals{
	{classify.IPv4, lab.IPv4,
		repeated{{1460, 28}, {1452, 7}, {1412, 5}, {1380, 8}, {1360, 2}},
		repeated{{1492, 4}, {1400, 9}, {552, 1}}},
	{classify.IPv6, lab.IPv6,
		repeated{{1440, 22}, {1432, 6}, {1360, 8}, {1220, 4}},
		repeated{{1480, 2}, {1280, 7}}},
}

// syns are of clients that the lab has: elsewhere the server's answers would be
// answered by errors, which it would count.
func (a arrivals) syns(l *lab.Lab) (packets [][]byte) {
	a.mss.each(func(i int, mss uint16) {
		s := classifytest.SYN{Family: a.family, Client: l.ClientAddr(a.lab, i), MSS: mss}
		packets = append(packets, s.Bytes())
	})
	return packets
}

// ptbs are about flows that no server owns, and one about a flow that is owned.
func (a arrivals) ptbs(owned lab.Flow) (packets [][]byte) {
	a.mtus.each(func(i int, mtu uint16) {
		p := classifytest.PTB{Family: a.family, ClientPort: 40000 + uint16(i), MTU: classify.MTU(mtu)}
		packets = append(packets, p.Bytes())
	})
	return append(packets, classifytest.PTB{
		Family: a.family, Protocol: classify.UDP, VIPPort: owned.VIP.Port(),
		Client: owned.Client.Addr(), ClientPort: owned.Client.Port(),
	}.Bytes())
}
