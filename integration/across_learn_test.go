package integration

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func appliedMetric(f lab.Family, result string) string {
	return fmt.Sprintf(`ptbrelay_applied_total{family=%q,result=%q}`, f, result)
}

// Of one PTB that all other members get a copy of, the owner of the flow learns and
// nobody else, and it alone looks what became of the copy, and finds once that its
// kernel has applied it. A connected UDP socket is told.
func TestAppliedOnceByTheOwner(t *testing.T) {
	const entry = 0
	r := startRacks(t, lab.Options{Shape: lab.ShapeRouted, Servers: 4, Clients: 2}, lab.IPv6)
	for _, f := range lab.Families() {
		for n, open := range []func(owner int, flow lab.Flow) *labtest.Socket{
			func(owner int, flow lab.Flow) *labtest.Socket { return labtest.AcceptTCP(t, r.Lab, owner, flow) },
			func(owner int, flow lab.Flow) *labtest.Socket {
				return labtest.ConnectUDP(t, r.Servers[owner], flow)
			},
		} {
			owner := 1 + n
			before := samples(t, r.Lab)
			s := open(owner, lab.Flow{
				VIP:    netip.AddrPortFrom(r.VIP(f), 443),
				Client: netip.AddrPortFrom(r.ClientAddr(f, n), 44201),
			})
			if got := s.PathMTU(); got != 1500 {
				t.Fatalf("%v: path MTU %d before any PTB", s.Flow, got)
			}
			labtest.FromRouter(t, r.Lab, entry, ptbAbout(s).Bytes())
			s.AwaitPathMTU(int(classifytest.MTU))
			if s.Flow.Protocol == unix.IPPROTO_UDP {
				checkTold(t, s)
			}
			before[owner]++
			await(t, r.Servers[owner], appliedMetric(f, "applied"), 1)
			r.settle()
			checkOnlyLearner(t, r.Lab, s.Flow, owner)
			for i, n := range samples(t, r.Lab) {
				if n != before[i] {
					t.Errorf("%v: server %d has come to %v results, want %v; its owner is %d", s.Flow, i, n, before[i], owner)
				}
			}
		}
	}
	r.check()
}

// ptbAbout is the PTB about what a socket sends next.
func ptbAbout(s *labtest.Socket) classifytest.PTB {
	ptb := classifytest.PTB{
		Family: classify.IPv4, VIP: s.Flow.VIP.Addr(), Client: s.Flow.Client.Addr(), Protocol: classify.Protocol(s.Flow.Protocol),
		VIPPort: s.Flow.VIP.Port(), ClientPort: s.Flow.Client.Port(), Sequence: s.Sequence,
	}
	if s.Flow.Family() == lab.IPv6 {
		ptb.Family = classify.IPv6
	}
	return ptb
}

// samples is how many results each server has come to.
func samples(t *testing.T, l *lab.Lab) (counts []float64) {
	t.Helper()
	for _, s := range l.Servers {
		counts = append(counts, sum(metricsOf(t, s), "ptbrelay_applied_total"))
	}
	return counts
}

// checkOnlyLearner checks that the kernel of one server has learned the path MTU of
// a flow, and no other.
func checkOnlyLearner(t *testing.T, l *lab.Lab, flow lab.Flow, owner int) {
	t.Helper()
	for i, s := range l.Servers {
		_, learned, err := s.PathMTU(flow.VIP.Addr(), flow.Client.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if learned != (i == owner) {
			t.Errorf("%v: server %d has learned: %v; its owner is %d", flow, i, learned, owner)
		}
	}
}

// checkTold checks that a UDP socket was told by an error, though it had sent
// nothing, and that the kernel refuses from then on what is too big, and nothing
// else.
func checkTold(t *testing.T, s *labtest.Socket) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, fmt.Sprintf("the socket of %v is told", s.Flow), func() error {
		if errno := s.Pending(); errno != unix.EMSGSIZE {
			return fmt.Errorf("by %w, want EMSGSIZE", errno)
		}
		return nil
	})
	fits := int(classifytest.MTU) - 20 - 8
	if s.Flow.Family() == lab.IPv6 {
		fits = int(classifytest.MTU) - 40 - 8
	}
	for size, want := range map[int]error{fits: nil, fits + 1: unix.EMSGSIZE} {
		if err := s.Write(size); !errors.Is(err, want) {
			t.Errorf("%v: a datagram of %d bytes: %v, want %v", s.Flow, size, err, want)
		}
	}
}

// Connected UDP sockets heal as well.
func TestHealsUDPAcrossRacks(t *testing.T) {
	r := startRacks(t, lab.Options{Shape: lab.ShapeRouted, VIPs: lab.VIPAnyIP}, lab.IPv6)
	report := labtest.Probes(t, r.Lab, lab.Load{})
	r.settle()
	if err := report.CheckHash(r.Landings(r.wire)); err != nil {
		t.Fatal(err)
	}
	for _, x := range report.Results {
		if !x.Finished || x.MTU != r.Options.PathMTU {
			t.Errorf("%v: finished %v, its socket's path MTU is %d: %v", x.Flow, x.Finished, x.MTU, x.Err)
		}
	}
	checkSlowest(t, report)
	r.check()
}
