//go:build linux

package lab

import (
	"cmp"
	"fmt"
	"net/netip"
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
