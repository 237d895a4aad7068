package config

import (
	"net/netip"

	"ptbrelay/classify"
)

// ClassifyPolicy returns what the classifier is to believe. local, the prefixes that
// the kernel's FIB calls local, counts where no VIPs are given; largestMTU, in
// bytes, where no policy.mtu.max is given.
func (c *Config) ClassifyPolicy(local []netip.Prefix, largestMTU classify.MTU) classify.Policy {
	p := classify.Policy{
		Protocols: classify.Protocols(c.Policy.Protocols...),
		Ports:     classify.Ports(c.Policy.Ports...),
		VIPs:      classify.Prefixes(c.VIPs...),
		MinMTU4:   c.Policy.MTU.Min4,
		MinMTU6:   c.Policy.MTU.Min6,
		MaxMTU:    c.Policy.MTU.Max,
		Strict:    c.Policy.Strict,
	}
	if len(c.VIPs) == 0 {
		p.VIPs = classify.Prefixes(local...)
	}
	if p.MaxMTU == 0 {
		p.MaxMTU = largestMTU
	}
	return p
}
