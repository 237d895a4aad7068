package settings

import (
	"ptbrelay/audit/check"
	"ptbrelay/config"
)

// Expectation is what the checks are to expect of this host.
func Expectation(c config.Config) check.Expect {
	e := check.Expect{
		Transport:  check.Transport(c.Relay.Transport),
		Interfaces: c.Interfaces,
		VIPs:       c.VIPs,
		HTTP:       c.HTTP.Listen,
		UDPPort:    c.UDP.Port,
		UDPListen:  c.UDP.ListenAddresses(),
		Groups:     []uint16{c.Capture.Group},
	}
	if c.Audit.MSS {
		e.Groups = append(e.Groups, c.Capture.Group+1)
	}
	return e
}
