package firewall

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"ptbrelay/classify/classifytest"
)

// tosBytes are those that are sent: three of DSCP, each with all ECN bits. Of each
// packet the length of the payload says which it is.
var tosBytes = []byte{0x00, 0x01, 0x02, 0x03, 0x20, 0x21, 0x22, 0x23, 0xb8, 0xb9, 0xba, 0xbb, 0xc0, 0xc1, 0xc2, 0xc3}

// firstLength is that of the first one.
const firstLength = 100

// behindRouting is a priority at output behind all chains of type route.
const behindRouting = -100

// sent are packets of a connection of one IP version, in one direction.
type sent struct{ ipv6, leaves bool }

var sents = []sent{{false, false}, {false, true}, {true, false}, {true, true}}

func (s sent) String() string {
	return [...]string{"in", "out"}[bit(s.leaves)] + [...]string{"4", "6"}[bit(s.ipv6)]
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// markGround is where marks are seen.
type markGround struct {
	*ground
	table *nftables.Table
	seen  map[sent]*nftables.Set
}

// newMarkGround has a set collect the marks of packets before they are routed, beside
// their lengths: of those that come in behind all of prerouting, of those that leave
// behind the last chain of type route.
func newMarkGround(t testing.TB) markGround {
	t.Helper()
	g := markGround{newGround(t), &nftables.Table{Name: "marks-judge", Family: nftables.TableFamilyINet}, make(map[sent]*nftables.Set)}
	g.conn.AddTable(g.table)
	for _, s := range sents {
		hook, last, family := nftables.ChainHookPrerouting, nftables.ChainPriority(1000), byte(unix.NFPROTO_IPV4)
		if s.leaves {
			hook, last = nftables.ChainHookOutput, behindRouting
		}
		if s.ipv6 {
			family = unix.NFPROTO_IPV6
		}
		set := &nftables.Set{Table: g.table, Name: s.String(), Dynamic: true, KeyType: nftables.MustConcatSetType(nftables.TypeMark, nftables.TypeMark)}
		g.must(g.conn.AddSet(set, nil))
		g.seen[s] = set
		chain := g.conn.AddChain(&nftables.Chain{Table: g.table, Name: "chain" + s.String(), Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &last})
		const first, second = unix.NFT_REG32_00, unix.NFT_REG32_01
		g.conn.AddRule(&nftables.Rule{Table: g.table, Chain: chain, Exprs: slices.Concat(
			eq(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, family),
			eq(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, unix.IPPROTO_UDP),
			[]expr.Any{
				&expr.Payload{DestRegister: first, Base: expr.PayloadBaseTransportHeader, Offset: 4, Len: 2},
				&expr.Meta{Key: expr.MetaKeyMARK, Register: second},
				&expr.Dynset{SrcRegKey: first, SetName: set.Name, SetID: set.ID, Operation: unix.NFT_DYNSET_OP_ADD},
			})})
	}
	g.do(g.conn.Flush)
	g.sendAll() // so that conntrack knows the connection as established
	return g
}

// sendAll sends packets of a connection with each TOS byte, and waits until they are
// through.
func (g markGround) sendAll() {
	g.t.Helper()
	var frames [][]byte
	for i, tos := range tosBytes {
		for v := range g.sockets {
			g.write(v, tos, firstLength+i)
			frames = append(frames, g.reply(v == 1, tos, firstLength+i))
		}
	}
	g.must(g.sender.Send(frames))
	g.send()
}

// write sends one to the client.
func (g markGround) write(v int, tos byte, length int) {
	g.t.Helper()
	raw, err := g.sockets[v].SyscallConn()
	g.must(err)
	var refused error
	g.must(raw.Control(func(fd uintptr) {
		if v == 0 {
			refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, int(tos))
		} else {
			refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(tos))
		}
	}))
	g.must(refused)
	client := []netip.Addr{classifytest.Client4, classifytest.Client6}[v]
	_, err = g.sockets[v].WriteToUDPAddrPort(make([]byte, length), netip.AddrPortFrom(client, knownPort))
	g.must(err)
}

// reply is a frame from the client.
func (g markGround) reply(ipv6 bool, tos byte, length int) []byte {
	g.t.Helper()
	udp := &layers.UDP{SrcPort: knownPort, DstPort: layers.UDPPort(classifytest.VIPPort)}
	etherType := []byte{0x08, 0x00}
	var ip interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	} = &layers.IPv4{Version: 4, TOS: tos, TTL: 9, Protocol: layers.IPProtocolUDP,
		SrcIP: net.IP(classifytest.Client4.AsSlice()), DstIP: net.IP(classifytest.VIP4.AsSlice())}
	if ipv6 {
		etherType = []byte{0x86, 0xdd}
		ip = &layers.IPv6{Version: 6, TrafficClass: tos, HopLimit: 9, NextHeader: layers.IPProtocolUDP,
			SrcIP: net.IP(classifytest.Client6.AsSlice()), DstIP: net.IP(classifytest.VIP6.AsSlice())}
	}
	g.must(udp.SetNetworkLayerForChecksum(ip))
	b := gopacket.NewSerializeBuffer()
	g.must(gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, gopacket.Payload(make([]byte, length))))
	return slices.Concat(g.ethernet, etherType, b.Bytes())
}

// checkMarks holds the marks that rules are said to make against those of real packets.
// It returns how many bits are certain, of all that were seen.
func (g markGround) checkMarks(t interface{ Errorf(string, ...any) }) (certain, all int) {
	r := g.read()
	for _, s := range sents {
		g.conn.FlushSet(g.seen[s])
	}
	g.do(g.conn.Flush)
	g.sendAll()
	for _, s := range sents {
		seen := g.marks(s)
		checkECN(t, r, s, seen)
		for length, got := range seen {
			i := length - firstLength
			if i < 0 || i >= len(tosBytes) {
				continue
			}
			want := r.walk(s, tosBytes[i]).mark
			if (want.value^got)&want.known != 0 {
				t.Errorf("%v, TOS %#x: mark %#x, said to be %#x of %#x", s, tosBytes[i], got, want.value, want.known)
			}
			for b := range 32 {
				certain += int(want.known >> b & 1)
			}
			all += 32
		}
	}
	return certain, all
}

// checkECN has bits of the mark that are certain, and said not to come of ECN bits, be the
// same in packets that differ in nothing else.
func checkECN(t interface{ Errorf(string, ...any) }, r Ruleset, s sent, seen map[int]uint32) {
	m := r.Marks(s.ipv6)
	for i, tos := range tosBytes {
		one, other := r.walk(s, tos).mark, r.walk(s, tos&^ecnBits).mark
		differ := (seen[firstLength+i] ^ seen[firstLength+i&^ecnBits]) & one.known & other.known
		for bits := differ; bits != 0; bits &= bits - 1 {
			bit := bits & -bits
			if m.ByECN(bit, bit).Likelihood != Surely {
				t.Errorf("%v: mark %#x comes of ECN bits with TOS %#x, which is not said", s, bit, tos)
			}
		}
	}
}

// walk is what is said of a packet.
func (r Ruleset) walk(s sent, tos byte) passage {
	p, o := packet{ipv6: s.ipv6, entrance: anywhere(), segment: &segment{}}, octet{value: tos, known: 0xff}
	if s.leaves {
		return r.leave(p, o)
	}
	return r.arrive(p, o)
}

// marks are those of the packets that were seen, by their lengths.
func (g markGround) marks(s sent) map[int]uint32 {
	g.t.Helper()
	const header = 8
	all := make(map[int]uint32)
	g.do(func() error {
		elements, err := g.conn.GetSetElements(g.seen[s])
		for _, e := range elements {
			all[int(binary.BigEndian.Uint16(e.Key))-header] = binary.NativeEndian.Uint32(e.Key[4:])
		}
		return err
	})
	return all
}

// The fixture's rules make the marks of real packets that they are said to.
func TestMarksGround(t *testing.T) {
	g := newMarkGround(t)
	loadFixture(t, g.node, "marks")
	if certain, all := g.checkMarks(t); all < 4*len(tosBytes)*32 || certain < all/2 {
		t.Errorf("%d of %d bits are certain", certain, all)
	}
}
