package config

import (
	"net/netip"
	"time"

	"ptbrelay/classify"
)

// Config is the whole configuration. A yaml tag is a key; a reload tag tells
// whether a running daemon takes a new value ("live") or keeps the old one
// until it is restarted ("restart"), for the key or all keys below it.
type Config struct {
	// Interfaces are the names of those that broadcast frames leave by.
	Interfaces []string `yaml:"interfaces" reload:"restart"`
	// VIPs are masked, without zone and never IPv4 in IPv6; empty means all
	// that the kernel's FIB calls local.
	VIPs    []netip.Prefix `yaml:"vips" reload:"live"`
	Policy  Policy         `yaml:"policy" reload:"live"`
	Relay   Relay          `yaml:"relay"`
	UDP     UDP            `yaml:"udp" reload:"restart"`
	Peers   Peers          `yaml:"peers" reload:"live"`
	Capture Capture        `yaml:"capture" reload:"restart"`
	Rules   Rules          `yaml:"rules"`
	Audit   Audit          `yaml:"audit" reload:"restart"`
	HTTP    HTTP           `yaml:"http" reload:"restart"`
	// Control is the absolute path of the control socket; empty is off.
	Control string `yaml:"control" reload:"restart"`
	Log     Log    `yaml:"log"`
}

// Policy says which PTBs are believed; [Config.ClassifyPolicy] makes it a
// [classify.Policy].
type Policy struct {
	Protocols []classify.Protocol `yaml:"protocols"`
	// Ports are the server's ports, 1 to 65535; empty means all.
	Ports  []uint16 `yaml:"ports"`
	MTU    MTU      `yaml:"mtu"`
	Strict bool     `yaml:"strict"`
}

// MTU bounds the next-hop MTU, in bytes.
type MTU struct {
	Min4 classify.MTU `yaml:"min4"` // 68 to 65535
	Min6 classify.MTU `yaml:"min6"` // 1280 to 65535
	Max  classify.MTU `yaml:"max"`  // 0: the largest interface MTU; else above both mins, to 65535
}

// Relay is the sending side.
type Relay struct {
	Transport Transport `yaml:"transport" reload:"restart"`
	// DryRun does everything but send and inject.
	DryRun bool   `yaml:"dry_run" reload:"live"`
	Limits Limits `yaml:"limits" reload:"live"`
}

// Limits are token buckets. Rates are PTBs a second, 1 to 10^9; bursts are
// PTBs, 1 to 2·10^9. Node bounds what this server lets out, Router and Client
// what one of them can make it send, Peer what one peer can make it inject,
// Deliver what all peers together can.
type Limits struct {
	Node         int `yaml:"node"`
	NodeBurst    int `yaml:"node_burst"`
	Router       int `yaml:"router"`
	RouterBurst  int `yaml:"router_burst"`
	Client       int `yaml:"client"`
	ClientBurst  int `yaml:"client_burst"`
	Peer         int `yaml:"peer"`
	PeerBurst    int `yaml:"peer_burst"`
	Deliver      int `yaml:"deliver"`
	DeliverBurst int `yaml:"deliver_burst"`
}

// UDP is the transport for routed fabrics. With it, KeyFile or Insecure is set,
// never both.
type UDP struct {
	// Listen is empty or one address a family, separated by a comma;
	// [UDP.ListenAddresses] splits it.
	Listen    string        `yaml:"listen"`
	Port      uint16        `yaml:"port"` // 1 to 65535
	KeyFile   string        `yaml:"key_file"`
	Insecure  bool          `yaml:"insecure"`
	Tolerance time.Duration `yaml:"tolerance"` // 1s to 10m
	Deliver   Deliver       `yaml:"deliver" reload:"live"`
}

// Peers says where the peers' addresses come from.
type Peers struct {
	// Static are peers as [ParsePeer] reads them: port 0 means that of udp, which
	// [Config.StaticPeers] puts in.
	Static []netip.AddrPort `yaml:"static"`
	File   string           `yaml:"file"` // empty is none
	DNS    DNS              `yaml:"dns"`
}

// DNS is a name whose addresses are peers.
type DNS struct {
	Name    string        `yaml:"name"`    // empty is none
	Refresh time.Duration `yaml:"refresh"` // 1s to 24h
}

// Capture is how PTBs reach the daemon.
type Capture struct {
	Group  uint16 `yaml:"group"`  // NFLOG group, 1 to 65535
	Buffer Size   `yaml:"buffer"` // socket receive buffer, 4MiB to 1GiB
}

// Rules is the nftables table.
type Rules struct {
	Manage    bool `yaml:"manage" reload:"restart"`
	NodeGuard int  `yaml:"node_guard" reload:"live"` // PTBs a second, 1 to 10^9
}

// Audit is what `run` watches beside relaying.
type Audit struct {
	// MSS samples clients' SYNs, which takes the NFLOG group after that of capture.
	MSS bool `yaml:"mss"`
	// ASNDB is an MMDB file that names the AS of an address; empty is none.
	ASNDB       string        `yaml:"asn_db"`
	RoutesEvery time.Duration `yaml:"routes_every"` // 1s to 24h
}

// HTTP is the server of metrics, health and status page.
type HTTP struct {
	Listen string `yaml:"listen"` // host:port; empty is off
	// ConfigFile is one of exporter-toolkit, with TLS and passwords; empty is none.
	ConfigFile string `yaml:"config_file"`
}

// Log is what goes to stderr.
type Log struct {
	Level  Level  `yaml:"level" reload:"live"`
	Format Format `yaml:"format" reload:"restart"`
}
