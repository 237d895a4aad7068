package check

import (
	"net/netip"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

// Fact is something that was read, or why it could not be: who fills it in sets
// one of the two, so the zero Fact is one that was read and is empty. Programs
// may have both, those that were found and why some kind could not be looked for.
type Fact[T any] struct {
	Value T
	Err   error
}

// Transport is the way to the peers that ptbrelay is configured for.
type Transport string

// The transports.
const (
	Broadcast Transport = "broadcast"
	UDP       Transport = "udp"
)

// Expect is what the configuration of ptbrelay on this host, or its defaults, has
// the checks expect.
type Expect struct {
	Transport  Transport
	Interfaces []string       // that it broadcasts on; may be empty
	VIPs       []netip.Prefix // configured; may be empty
	// HTTP is http.listen, host:port; empty: off.
	HTTP string
	// UDPListen are the addresses of udp.listen; empty: ptbrelay chooses.
	UDPListen []netip.Addr
	UDPPort   uint16
	// Groups are the NFLOG groups that it captures by.
	Groups []uint16
}

// Facts is all that the checks look at. A check reads no more than this, and
// changes nothing of it.
type Facts struct {
	Expect Expect

	Links      Fact[[]host.Link]
	Routes     Fact[host.Routes]
	Rules      Fact[[]host.Rule]
	Exceptions Fact[host.Exceptions]
	Listeners  Fact[[]host.Listener]
	Programs   Fact[[]host.Program]
	LogGroups  Fact[[]host.LogGroup]
	Clock      Fact[host.Clock]
	Counters   Fact[host.Counters]
	Firewall   Fact[firewall.Ruleset]
	// Sysctl reads one, "net/ipv4/ip_no_pmtu_disc"; an error that is
	// fs.ErrNotExist: this kernel has none of that name. Where it is nil, none
	// could be read.
	Sysctl func(path string) (string, error)
}
