package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"ptbrelay/classify"
)

const (
	second = time.Second
	day    = 24 * time.Hour

	// maxRate and maxBurst keep a bucket's arithmetic in nanoseconds within 64
	// bits.
	maxRate  = 1_000_000_000
	maxBurst = 2_000_000_000

	// The kernel's IFNAMSIZ and sockaddr_un.sun_path, each less its NUL.
	maxInterfaceName = 15
	maxSocketPath    = 107
	// PATH_MAX less its NUL.
	maxPath = 4095
	// RFC 1035: 255 bytes on the wire, as text without the last dot.
	maxDNSName = 253

	// RFC 791 and RFC 8200: what every link must carry.
	minMTU4 classify.MTU = 68
	minMTU6 classify.MTU = 1280
	maxMTU  classify.MTU = 65535

	// A smaller receive buffer loses messages in an ordinary burst; a larger
	// one holds minutes of them, and who is told so late has given up.
	minBuffer = 4 * MiB
	maxBuffer = 1 * GiB
)

func (r *checker) interfaces(names []string) {
	seen := make(map[string]bool)
	for i, name := range names {
		path := item("interfaces", i)
		switch {
		case name == "" || name == "." || name == "..":
			r.add(path, "%s is no interface; name one as `ip link` shows it", quote(name))
		case len(name) > maxInterfaceName:
			r.add(path, "%s is too long; an interface name has at most %d bytes", quote(name), maxInterfaceName)
		case strings.ContainsAny(name, "/:") || !isGraphic(name):
			r.add(path, "%s is no interface name; it has no slash, colon, space or control character", quote(name))
		case seen[name]:
			r.add(path, "%s is named twice; remove one", quote(name))
		}
		seen[name] = true
	}
}

func (r *checker) vips(prefixes []netip.Prefix) {
	for i, p := range prefixes {
		if err := checkVIP(p); err != nil {
			r.add(item("vips", i), "%v", err)
		}
	}
}

func (r *checker) policy(c *Policy) {
	if len(c.Protocols) == 0 {
		r.add("policy.protocols", "empty, so that no PTB is eligible; name some of tcp, udp, sctp, dccp")
	}
	for i, p := range c.Protocols {
		if _, err := classify.ParseProtocol(p.String()); err != nil {
			r.add(item("policy.protocols", i), "%s is not a protocol with ports; of tcp, udp, sctp, dccp", quote(p.String()))
		}
	}
	for i, port := range c.Ports {
		r.port(item("policy.ports", i), port)
	}
	r.mtu(&c.MTU)
}

func (r *checker) mtu(m *MTU) {
	if m.Min4 < minMTU4 || m.Min4 > maxMTU {
		r.add("policy.mtu.min4", "%d is not a smallest IPv4 MTU; %d to %d bytes", m.Min4, minMTU4, maxMTU)
	}
	if m.Min6 < minMTU6 || m.Min6 > maxMTU {
		r.add("policy.mtu.min6", "%d is not a smallest IPv6 MTU; %d to %d bytes", m.Min6, minMTU6, maxMTU)
	}
	switch least := max(m.Min4, m.Min6); {
	case m.Max == 0:
	case m.Max > maxMTU:
		r.add("policy.mtu.max", "%d is not an MTU; 0 for that of the interfaces, else at most %d bytes", m.Max, maxMTU)
	case m.Max <= least:
		r.add("policy.mtu.max", "%d leaves nothing to believe; 0 for that of the interfaces, else more than min4 and min6, here %d", m.Max, least)
	}
}

func (r *checker) relay(c *Relay) {
	r.oneOf("relay.transport", string(c.Transport), string(TransportBroadcast), string(TransportUDP))
	l := &c.Limits
	r.rate("relay.limits.node", l.Node)
	r.burst("relay.limits.node_burst", l.NodeBurst)
	r.rate("relay.limits.router", l.Router)
	r.burst("relay.limits.router_burst", l.RouterBurst)
	r.rate("relay.limits.client", l.Client)
	r.burst("relay.limits.client_burst", l.ClientBurst)
	r.rate("relay.limits.peer", l.Peer)
	r.burst("relay.limits.peer_burst", l.PeerBurst)
	r.rate("relay.limits.deliver", l.Deliver)
	r.burst("relay.limits.deliver_burst", l.DeliverBurst)
}

func (r *checker) capture(c *Config) {
	switch group := c.Capture.Group; {
	case group == 0:
		r.add("capture.group", "0 is where rules that name no group log to; 1 to 65535")
	case group == 65535 && c.Audit.MSS:
		r.add("capture.group", "65535 leaves no group for audit.mss, which takes the next one; 1 to 65534")
	}
	if b := c.Capture.Buffer; b < minBuffer || b > maxBuffer {
		r.add("capture.buffer", "%s is not a receive buffer; %s to %s", b, minBuffer, maxBuffer)
	}
}

func (r *checker) rate(path string, n int) {
	if n < 1 || n > maxRate {
		r.add(path, "%d is not a rate; 1 to %d packets a second", n, maxRate)
	}
}

func (r *checker) burst(path string, n int) {
	if n < 1 || n > maxBurst {
		r.add(path, "%d is not a burst; 1 to %d packets", n, maxBurst)
	}
}

func (r *checker) port(path string, port uint16) {
	if port == 0 {
		r.add(path, "0 is not a port; 1 to 65535")
	}
}

func (r *checker) between(path string, d, least, most time.Duration) {
	if d < least || d > most {
		r.add(path, "%v is out of range; %v to %v", d, least, most)
	}
}

func (r *checker) oneOf(path, value string, words ...string) {
	if !slices.Contains(words, value) {
		r.add(path, "%s is not known; one of %s", quote(value), strings.Join(words, ", "))
	}
}

// listen accepts what net.Listen does, less names of services. Port 0 is any
// free one.
func (r *checker) listen(path, address string) {
	if address == "" {
		return
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || !decimal(port) || !isGraphic(host) || strings.ContainsAny(host, "/") {
		r.add(path, "%s is not host:port, such as localhost:7690 or [::1]:7690; empty is off", quote(address))
	}
}

func (r *checker) socket(path, file string) {
	switch {
	case file == "":
	case !filepath.IsAbs(file) || !isGraphic(file):
		r.add(path, "%s is not an absolute path; begin it with a slash, empty is off", quote(file))
	case len(file) > maxSocketPath:
		r.add(path, "%s is too long; a socket's path has at most %d bytes", quote(file), maxSocketPath)
	}
}

// file accepts what open(2) could; whether it exists, only the host can tell.
func (r *checker) file(path, name string) {
	switch {
	case strings.ContainsFunc(name, unicode.IsControl):
		r.add(path, "%s is no file name; it holds a control character", quote(name))
	case len(name) > maxPath:
		r.add(path, "%s is too long; a path has at most %d bytes", quote(name), maxPath)
	case strings.HasSuffix(name, "/"):
		r.add(path, "%s is a folder; name a file", quote(name))
	}
}

// dnsName accepts a name whose addresses can be asked for (RFC 1035 §2.3.4), an
// underscore included; empty is none.
func (r *checker) dnsName(path, name string) {
	if name == "" {
		return
	}
	if _, err := netip.ParseAddr(name); err == nil {
		r.add(path, "%s is an address; put it into peers.static", quote(name))
		return
	}
	bare := strings.TrimSuffix(name, ".")
	for label := range strings.SplitSeq(bare, ".") {
		if !dnsLabel.MatchString(label) || len(bare) > maxDNSName {
			r.add(path, "%s is no DNS name; write it as peers.example.org", quote(name))
			return
		}
	}
}

var dnsLabel = regexp.MustCompile(`^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?$`)

// item is the path of a list's item, counted from 0.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// isGraphic tells whether text is free of spaces, control characters and bytes
// that are no character.
func isGraphic(text string) bool {
	for _, c := range text {
		if c == unicode.ReplacementChar || unicode.IsSpace(c) || !strconv.IsPrint(c) {
			return false
		}
	}
	return true
}
