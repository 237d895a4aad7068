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
	// Waiting are the keys of the file that wait for a restart, as "key: value in
	// force -> value of the file".
	Waiting []string

	// Wire is what came from the network, Peer what came from peers. With transport
	// broadcast nothing does: then its tables have no rows, nor have those of what
	// follows from them, Applied, Datagrams and PeerCounts.
	Wire Stage
	Peer Stage
	// Applied are injected messages of a sample, by whether the kernel followed.
	Applied Table
	// Datagrams are those of the udp transport's port, by result and type.
	Datagrams Table
	// Sent are copies, and what did not come or go as it should.
	Sent Table

	// NextHopMTU are the MTUs that PTBs report, Exceptions the path MTUs that this
	// kernel has learned.
	NextHopMTU []Sizes
	Exceptions []Sizes
	// Kernel is what this kernel has counted, Routes are those with an MTU tag.
	Kernel Table
	Routes Table

	// PeerCounts are peers by source and state.
	PeerCounts Table
	Peers      []Peer

	// Findings are what the checks of this host found, and Checks their numbers;
	// HostRead is false until the first reading is done.
	HostRead bool
	Findings []check.Finding
	Checks   Table
}

// Stage is one way that messages come in: each has one verdict, each eligible one
// ends in one way.
type Stage struct {
	Received Row
	Verdicts Table
	Ended    Table // outcomes from the wire, deliveries from peers
}

// Table is numbers that metrics export.
type Table struct {
	Columns []Column
	Rows    []Row
}

// Column is the head of a column. One that is rare is not shown while all in it is 0.
type Column struct {
	Name string
	Rare bool
}

// Row has one number a column.
type Row struct {
	Name   string
	Means  string // what it is, in a few words
	Kind   Kind
	Counts []Count
}

// Count is one number that a metric exports.
type Count struct {
	// Metric is the series as /metrics writes it:
	// `ptbrelay_received_total{family="ipv4",from="wire"}`.
	Metric string
	Value  uint64
	// Absent: it cannot be read.
	Absent bool
}

// Kind is how what is counted looks to people, and so its colour.
type Kind string

// The kinds.
const (
	Plain   Kind = ""        // neither good nor bad
	Good    Kind = "good"    // it did what it is there for
	Spared  Kind = "spared"  // not needed again
	Held    Kind = "held"    // held back on purpose
	Refused Kind = "refused" // not believed, or not for us
	Limited Kind = "limited" // a budget was used up
	Failed  Kind = "failed"  // any but 0 deserves a look
)

// Sizes is a distribution of MTUs and the metric that counts all of it.
type Sizes struct {
	audit.Values
	Total Count
}

// Peer is one peer and what is known of it.
type Peer struct {
	Address   string // address:port
	Sources   []string
	Up        bool
	LastHeard time.Time     // zero: never
	RoundTrip time.Duration // zero: never heard
}
