//go:build linux

package lab

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Load describes the flows of one phase; the zero value is the usual one. The
// same Load on another lab uses the same 4-tuples: client address i with port
// 20000 + i, for every i below Flows, to VIP i modulo their count.
type Load struct {
	Flows    int           // a family; 0: one for each client address. At most as many, for clients share path MTUs
	Families []Family      // nil: both
	Port     uint16        // of the VIP; 0: 443
	Size     int           // downloads: bytes each; 0: 256 KiB
	Spread   time.Duration // downloads: between the first start and the last one; 0: all at once
	Timeout  time.Duration // after its start, whatever has not finished is stalled; 0: 3 s
}

// firstClientPort is below Linux's range of ephemeral ports.
const firstClientPort = 20000

func (l *Lab) loadDefaults(o Load) (Load, error) {
	o.Flows = cmp.Or(o.Flows, l.Options.Clients)
	o.Port = cmp.Or(o.Port, 443)
	o.Size = cmp.Or(o.Size, 256<<10)
	o.Timeout = cmp.Or(o.Timeout, 3*time.Second)
	if o.Families == nil {
		o.Families = Families()
	}
	if o.Flows < 1 || o.Flows > l.Options.Clients {
		return o, fmt.Errorf("load of %d flows a family, must be 1 to %d, the number of client addresses", o.Flows, l.Options.Clients)
	}
	if o.Size < 1 || o.Timeout < 0 || o.Spread < 0 {
		return o, fmt.Errorf("load of %d bytes within %v, spread over %v: must not be negative", o.Size, o.Timeout, o.Spread)
	}
	return o, nil
}

// Result is what became of one flow.
type Result struct {
	Flow     Flow
	Client   int           // number of its client address
	Owner    int           // number of the server that accepted it; -1: none
	Finished bool          // in time and, for downloads, with the right content
	Duration time.Duration // from its start to the end, or to giving up
	Bytes    int           // that arrived at the client
	MTU      int           // probes only: the path MTU that the owner's socket ended with, bytes
	Err      error         // nil when finished
}

// Report is what became of a phase's flows: family by family in the order of
// the Load, each by client number.
type Report struct {
	Results []Result
}

// Family is the part of the report about one family.
func (r Report) Family(f Family) Report {
	var part Report
	for _, x := range r.Results {
		if x.Flow.Family() == f {
			part.Results = append(part.Results, x)
		}
	}
	return part
}

// Summary is a report in numbers; the times are of finished flows only and
// zero where there are none.
type Summary struct {
	Flows, Finished, Stalled int
	P50, Slowest             time.Duration
}

// Summary sums the report up.
func (r Report) Summary() Summary {
	s := Summary{Flows: len(r.Results)}
	var times []time.Duration
	for _, x := range r.Results {
		if x.Finished {
			times = append(times, x.Duration)
		}
	}
	s.Finished, s.Stalled = len(times), len(r.Results)-len(times)
	if len(times) > 0 {
		slices.Sort(times)
		s.P50, s.Slowest = times[(len(times)-1)/2], times[len(times)-1]
	}
	return s
}

// String is "64 flows, 18 finished (p50 3ms, slowest 9ms), 46 stalled".
func (s Summary) String() string {
	return fmt.Sprintf("%d flows, %d finished (p50 %v, slowest %v), %d stalled",
		s.Flows, s.Finished, s.P50.Round(time.Millisecond), s.Slowest.Round(time.Millisecond), s.Stalled)
}

// Stalled are the flows that did not finish.
func (r Report) Stalled() []Flow {
	var flows []Flow
	for _, x := range r.Results {
		if !x.Finished {
			flows = append(flows, x.Flow)
		}
	}
	return flows
}

// Landings says on which servers PTBs about a flow came in from the router, by
// number, each once and in order.
type Landings map[Flow][]int

// Landings reads it from taps on the servers' eth0, one for each server in
// order. Only frames addressed to that server count: broadcasts do not.
func (l *Lab) Landings(taps []*Tap) Landings {
	landings := make(Landings)
	for server, tap := range taps {
		for _, p := range tap.PTBs() {
			if p.Frame.Type != PacketHost || slices.Contains(landings[p.Flow], server) {
				continue
			}
			landings[p.Flow] = append(landings[p.Flow], server)
		}
	}
	return landings
}

// TapServers records PTBs and marker frames on every server's eth0, in order.
func (l *Lab) TapServers() ([]*Tap, error) {
	taps := make([]*Tap, len(l.Servers))
	err := each(len(taps), func(i int) (err error) {
		taps[i], err = l.Servers[i].Tap("eth0", TapOptions{})
		return err
	})
	return taps, err
}

// Missed are the flows whose PTBs came in on servers, but never on the owner.
func (r Report) Missed(landings Landings) []Flow {
	var flows []Flow
	for _, x := range r.Results {
		if on := landings[x.Flow]; len(on) > 0 && !slices.Contains(on, x.Owner) {
			flows = append(flows, x.Flow)
		}
	}
	return flows
}

func newFlow(protocol uint8, l *Lab, f Family, i int, port uint16) Flow {
	return Flow{
		Protocol: protocol,
		VIP:      addrPort(l.VIPAddrs(f)[i%l.Options.VIPCount], port),
		Client:   addrPort(l.ClientAddr(f, i), uint16(firstClientPort+i)),
	}
}

// service lists where servers listen for a load: on every VIP.
func (l *Lab) service(load Load) (at []netip.AddrPort) {
	for _, f := range load.Families {
		for _, vip := range l.VIPAddrs(f) {
			at = append(at, addrPort(vip, load.Port))
		}
	}
	return at
}

// newResults lists the load's flows as not finished and owned by nobody.
func (l *Lab) newResults(protocol uint8, load Load) []Result {
	var results []Result
	for _, f := range load.Families {
		for i := range load.Flows {
			results = append(results, Result{Flow: newFlow(protocol, l, f, i, load.Port), Client: i, Owner: -1})
		}
	}
	return results
}

const (
	protocolTCP = unix.IPPROTO_TCP
	protocolUDP = unix.IPPROTO_UDP
)
