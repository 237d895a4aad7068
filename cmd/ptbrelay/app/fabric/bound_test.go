package fabric

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/transport"
)

var (
	here      = netip.MustParseAddr("198.51.100.1")
	reachable = netip.AddrPortFrom(here, 7690) // that of a peer with a route
	beyond    = netip.MustParseAddrPort("203.0.113.9:7690")
	beyond6   = netip.MustParseAddrPort("[2001:db8::9]:7690")
)

// binding is a transport on a host of its own, and what it logs.
type binding struct {
	*bound
	node *lab.Node
	log  *bytes.Buffer
}

func newBinding(t *testing.T) *binding {
	t.Helper()
	b := &binding{node: labtest.Node(t, "host"), log: new(bytes.Buffer)}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	udp, err := transport.NewUDP(transport.UDPConfig{Keys: transport.InsecureKeys(), Tolerance: config.Default().UDP.Tolerance, MaxBatch: capture.MaxBatch, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	b.on(t, func() (err error) {
		b.bound, err = bind(udp, config.Default(), log)
		return err
	})
	t.Cleanup(func() {
		if err := errors.Join(b.close(), udp.Close()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// on does something on that host.
func (b *binding) on(t *testing.T, f func() error) {
	t.Helper()
	if err := b.node.Do(f); err != nil {
		t.Fatal(err)
	}
}

// finds has it look for addresses, and fails the test unless it is bound to these then and
// says this much.
func (b *binding) finds(t *testing.T, peers []netip.AddrPort, vips []netip.Prefix, want []netip.AddrPort, said string) {
	t.Helper()
	b.log.Reset()
	b.on(t, func() error {
		b.toward(peers, vips)
		return nil
	})
	if got := b.udp.Addresses(); !slices.Equal(got, want) {
		t.Errorf("toward %v: bound to %v, want %v", peers, got, want)
	}
	if got := b.log.String(); !strings.Contains(got, said) || (got == "") != (said == "") {
		t.Errorf("toward %v: it says %q, want %q", peers, got, said)
	}
}

// A host without an address toward its peers says so once, and takes the first that it gets,
// whichever peer has it.
func TestBoundLater(t *testing.T) {
	b := newBinding(t)
	peers := []netip.AddrPort{beyond, reachable}
	b.finds(t, peers, nil, nil, "no address to send copies from")
	b.finds(t, peers, nil, nil, "")
	labtest.HoldAddresses(t, b.node, here)
	b.finds(t, peers, nil, []netip.AddrPort{reachable}, "sending copies from")
	b.finds(t, append(peers, beyond6), nil, []netip.AddrPort{reachable}, "no address to send copies from")
}

// More peers than are asked about at once keep none from its turn.
func TestBoundBehindMany(t *testing.T) {
	b := newBinding(t)
	labtest.HoldAddresses(t, b.node, here)
	peers := slices.Repeat([]netip.AddrPort{beyond}, 2*bindTries)
	b.finds(t, append(peers, reachable), nil, nil, "no address")
	b.on(t, func() error {
		b.try()
		b.try()
		return nil
	})
	if got := b.udp.Addresses(); !slices.Equal(got, []netip.AddrPort{reachable}) {
		t.Errorf("bound to %v", got)
	}
}

// An address that every member has is no member's.
func TestBoundToNoVIP(t *testing.T) {
	b := newBinding(t)
	labtest.HoldAddresses(t, b.node, here)
	b.finds(t, []netip.AddrPort{reachable}, []netip.Prefix{netip.PrefixFrom(here, 24)}, nil, "is the VIP 198.51.100.1")
}

// An address that is named and not here is an error with its key.
func TestBoundToAbsent(t *testing.T) {
	b := newBinding(t)
	c := config.Default()
	c.UDP.Listen = "198.51.100.7"
	err := b.node.Do(func() error {
		_, err := bind(b.udp, c, slog.New(slog.DiscardHandler))
		return err
	})
	if err == nil || !strings.HasPrefix(err.Error(), "udp.listen: ") {
		t.Error(err)
	}
}
