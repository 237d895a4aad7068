package app

import (
	"ptbrelay/audit/check"
	"ptbrelay/config"
)

// expectation is what the checks are to expect of this host.
func expectation(c config.Config) check.Expect {
	e := check.Expect{
		Transport:  check.Transport(c.Relay.Transport),
		Interfaces: c.Interfaces,
		VIPs:       c.VIPs,
		Ports:      c.Policy.Ports,
		HTTP:       c.HTTP.Listen,
		UDPPort:    c.UDP.Port,
		Groups:     []uint16{c.Capture.Group},
	}
	for _, p := range c.Policy.Protocols {
		e.Protocols = append(e.Protocols, p.String())
	}
	if c.Audit.MSS {
		e.Groups = append(e.Groups, c.Capture.Group+1)
	}
	e.UDPListen = c.UDP.ListenAddresses()
	return e
}
