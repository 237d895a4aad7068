package report

import (
	"time"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
)

// Status is what a daemon shows of itself: plain values, and no address of a
// client or a router. Counts are since its start.
type Status struct {
	Host      string // its name
	Version   string
	Started   time.Time
	Now       time.Time // when all this was read
	Capturing bool
	Paused    bool
	DryRun    bool
	Transport string
	// Interfaces are those that copies are broadcast on, Listen the addresses that
	// copies come and go by.
	Interfaces []string
	Listen     []string

	// Config are the keys that differ from their defaults, as "key: value".
	Config []string
	// ConfigRead is when the configuration in force was read; ConfigRefused: the
	// file was read again later, and is wrong.
	ConfigRead    time.Time
	ConfigRefused bool

	// Wire is what came from the network, Peer what came from peers; with transport
	// broadcast nothing comes from peers, and Peer and Datagrams are nil.
	Wire Stage
	Peer *Stage
	// Applied are injected messages of a sample, by whether the kernel followed.
	Applied []Row
	// Datagrams are of the udp transport's port, by type and result.
	Datagrams []Datagrams
	// Totals are counts without a family: copies, failures, losses.
	Totals []Total

	// NextHopMTU are the MTUs that PTBs report, by family.
	NextHopMTU []audit.Values
	// Exceptions are the path MTUs that this kernel has learned, by family.
	Exceptions []audit.Values

	// Peers are at most some thousand; PeersLeftOut is how many more there are.
	Peers        []Peer
	PeersLeftOut int

	// Findings are what the checks of this host found; HostRead is false until the
	// first reading is done.
	Findings []check.Finding
	HostRead bool
}

// Row is one count, by family. Metric is the name that exports it and its labels but
// family, as /metrics has them: `ptbrelay_outcomes_total{outcome="relayed"}`.
type Row struct {
	Name                string
	Metric              string
	IPv4, IPv6, Unknown uint64
}

// Stage is one way that messages come in: each has one verdict, each eligible one
// ends in one way. Names are in the order of the closed sets, also those of which
// there are none.
type Stage struct {
	Received Row
	Verdicts []Row
	Ended    []Row // outcomes from the wire, deliveries from peers
}

// Datagrams are those of one type, by result.
type Datagrams struct {
	Type    string
	Results []Total
}

// Total is one count and the metric that exports it, with all labels.
type Total struct {
	Name   string
	Metric string
	Count  uint64
	// Unknown: it cannot be read.
	Unknown bool
	// Trouble: any but 0 deserves a look.
	Trouble bool
}

// Peer is one peer and what is known of it.
type Peer struct {
	Address   string // address:port
	Sources   []string
	Up        bool
	LastHeard time.Time     // zero: never
	RoundTrip time.Duration // zero: never heard
}
