package audit

import (
	"time"

	"ptbrelay/audit/check"
)

// Source is where a report's messages come from.
type Source string

// The sources.
const (
	Live   Source = "live"
	File   Source = "file"
	Daemon Source = "daemon"
)

// Report is one audit, in plain values. The JSON is stable.
type Report struct {
	Version string    `json:"version"` // of ptbrelay
	Source  Source    `json:"source"`
	Begun   time.Time `json:"begun"`
	// Seconds is how long messages were observed: of a file, from its first
	// packet to its last.
	Seconds float64 `json:"seconds"`
	// Ended says why the report is of less than was asked for; empty: it is not.
	Ended string `json:"ended,omitempty"`

	Messages Messages `json:"messages"`
	// NextHopMTU are the MTUs that PTBs report, by family.
	NextHopMTU []Values `json:"next_hop_mtu"`
	// MSS are what clients offer in SYNs, by family.
	MSS []Values `json:"mss"`
	// Edge answers which MTU an edge should use, by family and side.
	Edge []Edge `json:"edge"`
	// Networks are where PTBs and SYNs come from.
	Networks Networks `json:"networks"`

	// What follows is of this host; a report of a file has none of it.
	Host *Host `json:"host,omitempty"`
}

// Messages counts what was observed.
type Messages struct {
	// Packets is how many were read: of a file those that are IP.
	Packets uint64 `json:"packets"`
	// Verdicts are of the PTBs, by family and verdict; not-ptb is left out.
	Verdicts map[string]map[string]uint64 `json:"verdicts"`
	// SYNs are those that open a connection to this side, by family; no family:
	// they are not observed, as by a daemon without audit.mss.
	SYNs map[string]uint64 `json:"syns"`
	// Lost is how many the kernel or ptbrelay did not keep up with.
	Lost uint64 `json:"lost"`
}

// Values is the distribution of a value in bytes.
type Values struct {
	Family string `json:"family"` // "ipv4", "ipv6"
	// Samples is the sum of all counts.
	Samples uint64 `json:"samples"`
	// Absent is how many messages had no such value: SYNs without the option.
	Absent uint64 `json:"absent,omitempty"`
	// Cut is how many more were captured too short to tell.
	Cut uint64 `json:"cut,omitempty"`
	// Counts are of the values that came most often, at most MaxValues, by
	// value, the largest first.
	Counts []Count `json:"counts"`
	// Other is how many samples had one of OtherValues further values.
	Other       uint64 `json:"other,omitempty"`
	OtherValues int    `json:"other_values,omitempty"`
}

// Count is one value of a distribution.
type Count struct {
	Bytes uint32 `json:"bytes"`
	// MTU in bytes that an MSS makes us suppose: 40 more with IPv4, 60 with
	// IPv6, the headers without options. Of a next-hop MTU the same as Bytes.
	MTU   uint32 `json:"mtu"`
	Count uint64 `json:"count"`
	// Share of the samples, 0 to 1, and that of this value and all larger ones.
	Share      float64 `json:"share"`
	Cumulative float64 `json:"cumulative"`
}

// Side is what a recommendation is computed from.
type Side string

// The sides.
const (
	ClientMSS Side = "client mss"
	PathPTBs  Side = "path ptbs"
)

// Edge says what each MTU of an edge would spare.
type Edge struct {
	Family  string `json:"family"`
	Side    Side   `json:"side"`
	Samples uint64 `json:"samples"`
	// Enough: the samples are EnoughSamples at least.
	Enough bool `json:"enough"`
	// Lines are for every 20 bytes from 1280 to 1500 and every value of the
	// distribution's Counts in between, the largest first.
	Lines []EdgeLine `json:"lines"`
}

// EdgeLine is one MTU that an edge may use.
type EdgeLine struct {
	MTU uint32 `json:"mtu"` // bytes
	// Spared is the share, 0 to 1, that would never need path MTU discovery, for
	// their MTU is at least this: of connections by client MSS, of PTBs by path.
	Spared float64 `json:"spared"`
}

// Networks are the networks that messages come from, those with most first.
type Networks struct {
	// PTBs are by the router's network, SYNs by the client's.
	PTBs NetworkSide `json:"ptbs"`
	SYNs NetworkSide `json:"syns"`
}

// NetworkSide is where one kind of message comes from.
type NetworkSide struct {
	// Samples is how many messages were looked at; Missed how many more were
	// not, for they came too fast.
	Samples uint64 `json:"samples"`
	Missed  uint64 `json:"missed,omitempty"`
	// Each list has at most MaxNetworks. Prefixes are /24 and /48. Systems are
	// there with audit.asn_db only.
	Prefixes []Network `json:"prefixes"`
	Systems  []Network `json:"systems,omitempty"`
	// NextHops are the link-layer sources that messages came in by.
	NextHops []Inbound `json:"next_hops,omitempty"`
	// Several are prefixes that came in by more than one next hop.
	Several []Several `json:"several,omitempty"`
}

// Network is one network and how many messages came from it. A count is too
// large by at most Error, and never too small.
type Network struct {
	Name  string  `json:"name"` // "203.0.113.0/24", "AS64496 Example"
	Count uint64  `json:"count"`
	Error uint64  `json:"error,omitempty"`
	Share float64 `json:"share"` // 0 to 1
	// MTU is the value that more than half of its messages said, in bytes: the
	// next-hop MTU of PTBs, the MTU supposed from SYNs. Absent where no value is
	// proven to be that.
	MTU uint32 `json:"mtu,omitempty"`
}

// Inbound is a neighbour on the link that messages came in by.
type Inbound struct {
	MAC   string `json:"mac"`
	Count uint64 `json:"count"`
	Error uint64 `json:"error,omitempty"`
	// Share is of the messages whose neighbour is known, 0 to 1.
	Share float64 `json:"share"`
}

// Several is a prefix that came in by more than one next hop. They are those seen
// first, at most MaxNextHops; the messages from there are Count at least.
type Several struct {
	Prefix string   `json:"prefix"`
	MACs   []string `json:"macs"`
	Count  uint64   `json:"count"`
}

// Host is what this host itself says.
type Host struct {
	Interfaces []Interface `json:"interfaces"`
	Routes     Routes      `json:"routes"`
	Exceptions []Values    `json:"exceptions"`
	Counters   []Counter   `json:"counters"`
	// Errors are what could not be read.
	Errors   []string        `json:"errors,omitempty"`
	Findings []check.Finding `json:"findings"`
}

// Interface is one link and its MTU in bytes.
type Interface struct {
	Name string `json:"name"`
	MTU  uint32 `json:"mtu"`
	Up   bool   `json:"up"`
}

// Routes sums up the routing tables.
type Routes struct {
	IPv4 int `json:"ipv4"`
	IPv6 int `json:"ipv6"`
	// Tagged are the routes with an MTU, a lock or an advmss.
	Tagged []TaggedRoute `json:"tagged"`
	// NextHops are those that routes go by, with the state of their neighbours.
	NextHops []RouteNextHop `json:"next_hops"`
	// LeftOut is how many entries the lists lack, for there are too many.
	LeftOut int `json:"left_out,omitempty"`
}

// TaggedRoute is a route with a tag.
type TaggedRoute struct {
	Prefix string `json:"prefix"`
	Table  uint32 `json:"table"`
	MTU    uint32 `json:"mtu,omitempty"` // bytes
	Locked bool   `json:"locked"`
	AdvMSS uint32 `json:"advmss,omitempty"` // bytes
	// Object is the id of the route's nexthop object.
	Object uint32 `json:"nexthop_object,omitempty"`
}

// RouteNextHop is a next hop that routes go by.
type RouteNextHop struct {
	Gateway   string `json:"gateway,omitempty"` // empty: on the link
	Interface string `json:"interface"`
	Neighbour string `json:"neighbour"` // its state
	// MAC is the gateway's, as [Inbound] has it.
	MAC      string `json:"mac,omitempty"`
	Routes   int    `json:"routes"`
	Only     int    `json:"only"` // routes that have no other
	Dead     bool   `json:"dead,omitempty"`
	LinkDown bool   `json:"link_down,omitempty"`
}

// Counter is a counter of the kernel.
type Counter struct {
	Name string `json:"name"` // as nstat(8) calls it
	// Value is since the network namespace began.
	Value uint64 `json:"value"`
	// PerSecond is over the report's time; absent where that is 0.
	PerSecond float64 `json:"per_second,omitempty"`
	// Means says what it counts.
	Means string `json:"means"`
}
