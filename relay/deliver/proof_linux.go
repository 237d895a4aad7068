package deliver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
)

const (
	// mostLeftover is how many bytes below the link's MTU repeated proofs may
	// bring a path, which nothing takes, for as long as the exceptions last.
	mostLeftover = 16
	// untracked is how long a PTB may take that a firewall lets pass, tracked what
	// the whole proof may take from then on.
	untracked = 250 * time.Millisecond
	tracked   = time.Second
	readEvery = 5 * time.Millisecond
)

// Proof says whether this kernel applies a PTB that is injected.
type Proof struct {
	Family classify.Family
	OK     bool
	// Skipped: nothing could be tried, and Error says why.
	Skipped bool
	// Earlier: OK, for what an earlier proof has taught the kernel is in force
	// still, and teaching it yet more would do harm.
	Earlier bool
	// Source and Destination are those of the flow that it was tried on.
	Source, Destination netip.Addr
	// Before and After are the flow's path MTUs in bytes.
	Before, After uint32
	Error         string
}

// documentation are addresses that nobody has (RFC 5737, RFC 3849), by family, in
// the order in which they are tried.
var documentation = map[classify.Family][]netip.Addr{
	classify.IPv4: {
		netip.AddrFrom4([4]byte{198, 51, 100, 1}), netip.AddrFrom4([4]byte{203, 0, 113, 1}), netip.AddrFrom4([4]byte{192, 0, 2, 1}),
	},
	classify.IPv6: {netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1})},
}

var errNoDocumentation = errors.New("no route to a documentation address")

// Prove injects a PTB of each family, about a socket of its own that is connected
// to a documentation address, and looks whether the kernel believes it. The PTB
// asks for one byte less than fits already, so what it leaves behind for ten
// minutes hinders nobody. It takes CAP_NET_RAW, and the network namespace of the
// calling thread.
//
// Nothing leaves the host, unless the kernel does not believe the first PTB. A
// firewall that drops what conntrack calls invalid would be a reason, for it has
// not seen the flow. Then one datagram with a hop limit of 1 is sent for it
// to see, and another PTB is tried.
func Prove(ctx context.Context) []Proof {
	proofs := []Proof{{Family: classify.IPv4}, {Family: classify.IPv6}}
	p, err := newProver()
	for i := range proofs {
		if err != nil {
			proofs[i].Error = err.Error()
			continue
		}
		p.prove(ctx, &proofs[i])
	}
	if err == nil {
		_ = p.Close() // it was only asked and sent by
	}
	return proofs
}

// prover is what proofs are made with.
type prover struct {
	injector *injector
	flows    *flows
}

func newProver() (*prover, error) {
	i, err := newInjector()
	if err != nil {
		return nil, err
	}
	f, err := openFlows()
	if err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return &prover{i, f}, nil
}

func (p *prover) Close() error { return errors.Join(p.injector.Close(), p.flows.Close()) }

// prove fills in what becomes of one proof.
func (p *prover) prove(ctx context.Context, proof *Proof) {
	err := p.try(ctx, proof)
	proof.OK = err == nil
	if err != nil {
		proof.Error = err.Error()
	}
}

func (p *prover) try(ctx context.Context, proof *Proof) error {
	route, err := p.way(proof)
	if err != nil {
		proof.Skipped = errors.Is(err, errNoDocumentation)
		return err
	}
	s, err := connect(proof.Source, proof.Destination)
	if err != nil {
		return err
	}
	defer s.Close()
	if proof.Before, err = s.mtu(); err != nil {
		return err
	}
	proof.After = proof.Before
	link, err := linkMTU(p.flows.links, route.Interface)
	switch {
	case err != nil:
		return err
	case route.Expires != 0 && proof.Before+mostLeftover <= link:
		proof.Earlier = true
		return nil
	case proof.Before <= floorOf(proof.Family):
		proof.Skipped = true
		return fmt.Errorf("the path MTU to %v is %d already, and the kernel goes no lower", proof.Destination, proof.Before)
	}
	return p.teach(ctx, s, proof)
}

// way finds a destination that is not local, and the kernel's way there.
func (p *prover) way(proof *Proof) (host.Route, error) {
	for _, to := range documentation[proof.Family] {
		r, err := p.flows.query.Route(host.RouteRequest{Destination: to})
		switch {
		case errors.Is(err, host.ErrNoRoute):
		case err != nil:
			return host.Route{}, err
		case !r.Local && r.Source.IsGlobalUnicast():
			proof.Source, proof.Destination = r.Source, to
			return r, nil
		}
	}
	return host.Route{}, errNoDocumentation
}

// teach injects the PTB and looks until the kernel believes it.
func (p *prover) teach(ctx context.Context, s *udpSocket, proof *Proof) error {
	want := proof.Before - 1
	packet := tooBig(s.flow, uint16(min(proof.Before, 1<<16-1)), classify.MTU(want))
	for _, within := range []time.Duration{untracked, tracked} {
		if within == tracked {
			if err := s.greet(); err != nil {
				return err
			}
		}
		if errno := p.injector.inject(proof.Family, proof.Source, packet); errno != 0 {
			return fmt.Errorf("inject a PTB: %w", errno)
		}
		learned, err := p.await(ctx, s, proof, want, within)
		if learned || err != nil {
			return err
		}
	}
	return fmt.Errorf("the kernel took a PTB from %v to %v and ignored it: look for firewall rules that drop ICMP from lo, "+
		"and for net.ipv4.ip_no_pmtu_disc", proof.Destination, proof.Source)
}

// await reads the path MTU, of socket and route, until both are as wanted.
func (p *prover) await(ctx context.Context, s *udpSocket, proof *Proof, want uint32, within time.Duration) (learned bool, err error) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		mtu, err := s.mtu()
		if err != nil {
			return false, err
		}
		ofRoute, known := p.flows.mtu(s.flow, host.Socket{})
		proof.After = max(mtu, ofRoute)
		if known && proof.After <= want {
			return true, nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}
