package firewall

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// twisted plays a tape in which one answer is another.
type twisted struct {
	tape
	at   int
	with []byte
	n    *int
}

func (p twisted) ask(q question, each func(answer) error) error {
	_ = p.tape.ask(q, func(a answer) error {
		if *p.n == p.at {
			a.attributes = p.with
		}
		*p.n++
		return each(a)
	})
	return nil
}

// seedEvery is of how many answers one is a seed: all are read with each, and seeds that
// take longer than the fuzzing leave it no time.
const seedEvery = 10

// FuzzRead holds for any answer of the kernel among real ones: no panic, an error or
// fates that make sense.
func FuzzRead(f *testing.F) {
	all := tapes(f)
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		n := 0
		q := question{kind: unix.NFT_MSG_GETCHAIN, dump: true}
		_ = all[name].ask(q, func(a answer) error {
			f.Add(uint8(i), uint16(n), a.attributes)
			n++
			return nil
		})
		for _, answers := range all[name].answers {
			for _, a := range answers {
				n++
				if n%seedEvery == 0 {
					f.Add(uint8(i), uint16(n), a.attributes)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, fixture uint8, at uint16, with []byte) {
		n := 0
		r, err := read(twisted{all[names[int(fixture)%len(names)]], int(at), with, &n})
		if err != nil {
			return
		}
		for _, ipv6 := range []bool{false, true} {
			for s := Related; s <= Untracked; s++ {
				checkOutcome(t, r.Fate(PTB{IPv6: ipv6, State: s}))
				checkOutcome(t, r.Fate(PTB{IPv6: ipv6, State: s, Broadcast: true}))
			}
			if at%8 == 0 { // it takes long
				checkDeed(t, r.Marks(ipv6).ByECN(uint32(at), uint32(at)))
			}
			checkDeed(t, r.Notrack(Service{VIP: netip.PrefixFrom(anyAddress(ipv6), int(at%32)), UDP: at&1 != 0, Port: at}))
		}
		checkOutcome(t, r.Fate(PTB{Interface: "eth0", Index: int(at)}))
	})
}

func anyAddress(ipv6 bool) netip.Addr {
	if ipv6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

func checkDeed(t *testing.T, d Deed) {
	t.Helper()
	if d.Likelihood > Surely || (d.Likelihood == Never) != (d.Rule == "") || (d.Text == "") != (d.Rule == "") {
		t.Errorf("deed %+v", d)
	}
}

func checkOutcome(t *testing.T, o Outcome) {
	t.Helper()
	if o.Fate > Drops || (o.Fate == Passes) != (o.Rule == "") || (o.Text == "") != (o.Rule == "") {
		t.Errorf("outcome %+v", o)
	}
}

// FuzzExpression holds for any bytes of an expression.
func FuzzExpression(f *testing.F) {
	for _, p := range tapes(f) {
		for _, answers := range p.answers {
			for _, a := range answers {
				list, _ := elements(parse(a.attributes).by[unix.NFTA_RULE_EXPRESSIONS])
				for _, x := range list {
					f.Add(x, uint32(len(x)))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, mark uint32) {
		x := decodeExpression(b)
		s := speech{table: &table{}, labels: make(map[int]label)}
		s.name(0, payloadField(layerNetwork, 12, 4))
		_ = x.tell(&s)
		r := run{packet: packet{entrance: anywhere()}, state: state{reached: true, track: related, mark: mark, markKnown: ^uint32(0)}, table: &table{}}
		r.put(0, constant(binary.NativeEndian.AppendUint32(nil, mark)...))
		if m := x.eval(&r); m > yes || r.mark&^r.markKnown != 0 {
			t.Errorf("%T: %v, mark %x of %x", x, m, r.mark, r.markKnown)
		}
	})
}
