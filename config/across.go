package config

import (
	"net/netip"
	"time"
)

// The rules of what reaches across racks: the udp transport and its peers.

func (r *checker) udp(c *Config) {
	u := &c.UDP
	r.udpListen(u.Listen, c.VIPs)
	r.port("udp.port", u.Port)
	r.file("udp.key_file", u.KeyFile)
	switch {
	case u.KeyFile != "" && u.Insecure:
		r.add("udp.insecure", "true beside udp.key_file; remove one of them")
	case c.Relay.Transport == TransportUDP && u.KeyFile == "" && !u.Insecure:
		r.miss("udp.key_file", "transport udp needs keys; make them once with `ptbrelay genkey > FILE; chmod 600 FILE`, name FILE here and give it to every server, where the user that the daemon runs as owns it")
	}
	r.between("udp.tolerance", u.Tolerance, second, 10*time.Minute)
	r.oneOf("udp.deliver", string(u.Deliver), string(DeliverLocal), string(DeliverOwned))
}

func (r *checker) udpListen(listen string, vips []netip.Prefix) {
	addresses, err := parseListen(listen)
	if err != nil {
		r.add("udp.listen", "%v", err)
	}
	for _, a := range addresses {
		if vip, ok := covering(vips, a); ok {
			r.add("udp.listen", "%s is covered by the VIP %s; a VIP must not be the one that members talk from, write this server's own", a, vipText(vip))
		}
	}
}

func (r *checker) peers(c *Config) {
	r.static(c)
	r.file("peers.file", c.Peers.File)
	r.dnsName("peers.dns.name", c.Peers.DNS.Name)
	r.between("peers.dns.refresh", c.Peers.DNS.Refresh, second, day)
}

func (r *checker) static(c *Config) {
	if n := len(c.Peers.Static); n > maxPeers {
		r.add("peers.static", "%d peers; at most %d", n, maxPeers)
	}
	seen := make(map[netip.AddrPort]bool)
	for i, p := range c.Peers.Static {
		path := item("peers.static", i)
		if err := checkHost(p.Addr()); err != nil {
			r.add(path, "%v", err)
			continue
		}
		full := withPort(p, c.UDP.Port)
		if seen[full] {
			r.add(path, "%s is named twice; remove one", peerText(p))
		}
		seen[full] = true
		if vip, ok := covering(c.VIPs, p.Addr()); ok {
			r.add(path, "%s is covered by the VIP %s, which every server holds; write the peer's own address", peerText(p), vipText(vip))
		}
	}
}

// covering returns the first prefix that holds a.
func covering(prefixes []netip.Prefix, a netip.Addr) (netip.Prefix, bool) {
	for _, p := range prefixes {
		if p.Contains(a) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}
