package check

import (
	"fmt"
	"syscall"
	"testing"

	"ptbrelay/audit/host"
)

// addVIPs gives a link n more IPv6 addresses.
func addVIPs(f *Facts, n, link int) {
	for i := range n {
		f.Routes.Value.Addresses = append(f.Routes.Value.Addresses, host.Address{
			Prefix: prefix(fmt.Sprintf("2001:db8:ffff:%x::%x/128", link, i+2)), Interface: link,
		})
	}
}

// The healthy host has four IPv6 addresses, of which two are eth0's.
func TestSourceSelectionCost(t *testing.T) {
	const why = "For each packet that a program sends without a source address of its own the kernel compares all of them, which costs CPU time and delays it."
	for name, c := range map[string]struct {
		fault func(*Facts)
		want  Finding
	}{
		"VIPs on loopback": {
			func(f *Facts) { addVIPs(f, 124, loopback) },
			Finding{
				Severity: Warning,
				Subject:  "eth0",
				Read:     "addresses: 128 of IPv6, 2 of them on eth0; net.ipv6.conf.eth0.use_oif_addrs_only = 0",
				Why:      why,
				Mend:     "sysctl -w net.ipv6.conf.eth0.use_oif_addrs_only=1",
			},
		},
		"VIPs on the interface itself": {
			func(f *Facts) { addVIPs(f, 512, eth0) },
			Finding{
				Severity: Warning,
				Subject:  "eth0",
				Read:     "addresses: 516 of IPv6, 514 of them on eth0; net.ipv6.conf.eth0.use_oif_addrs_only = 0",
				Why:      why + " Move the VIPs among them to lo, or to an AnyIP prefix, and set use_oif_addrs_only.",
			},
		},
		"a default route by an interface that has but a link-local address": {
			func(f *Facts) {
				addVIPs(f, 512, loopback)
				f.Routes.Value.Addresses[4].Interface = loopback
			},
			Finding{
				Severity: Warning,
				Subject:  "eth0",
				Read:     "addresses: 516 of IPv6, 1 of them on eth0; net.ipv6.conf.eth0.use_oif_addrs_only = 0",
				Why:      why + " eth0 needs an address of its own before use_oif_addrs_only can help.",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.fault(f)
			expect(t, "source-selection-cost", f, c.want)
		})
	}
}

func TestSourceSelectionCheap(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Facts)
		read   string
	}{
		"healthy":       {func(*Facts) {}, "addresses: 4 of IPv6"},
		"not many":      {func(f *Facts) { addVIPs(f, 123, loopback) }, "addresses: 127 of IPv6"},
		"without IPv6":  {func(f *Facts) { f.Routes.Value.Addresses = f.Routes.Value.Addresses[:3] }, "addresses: 0 of IPv6"},
		"already set":   {func(f *Facts) { addVIPs(f, 512, loopback); setSysctl(f, useOIF, "1") }, "addresses: 516 of IPv6; use_oif_addrs_only is on wherever it leaves by"},
		"eth0 has none": {func(f *Facts) { addVIPs(f, 512, loopback); failSysctl(f, useOIF, syscall.ENOENT) }, "addresses: 516 of IPv6; use_oif_addrs_only is on wherever it leaves by"},
		"a container's interface, by which no default route goes": {
			func(f *Facts) {
				addVIPs(f, 512, loopback)
				setSysctl(f, useOIF, "1")
				f.Links.Value = append(f.Links.Value, host.Link{Index: 7, Name: "veth1", Up: true})
				f.Routes.Value.Addresses = append(f.Routes.Value.Addresses, host.Address{Prefix: prefix("fe80::7/64"), Interface: 7})
				setSysctl(f, "net/ipv6/conf/veth1/use_oif_addrs_only", "0")
			},
			"addresses: 517 of IPv6; use_oif_addrs_only is on wherever it leaves by",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.change(f)
			expect(t, "source-selection-cost", f, Finding{Severity: OK, Read: c.read})
		})
	}
}

const useOIF = "net/ipv6/conf/eth0/use_oif_addrs_only"

func TestSourceSelectionCostUnknown(t *testing.T) {
	f := facts()
	f.Routes.Err = errRead
	expectUnknown(t, "source-selection-cost", f, "the kernel did not say")
	f = facts()
	f.Links.Err = errRead
	expectUnknown(t, "source-selection-cost", f, "the kernel did not say")
	f = facts()
	addVIPs(f, 512, loopback)
	failSysctl(f, useOIF, syscall.EIO)
	expectUnknown(t, "source-selection-cost", f, "open /proc/sys/"+useOIF+": input/output error")
	f = facts()
	addVIPs(f, 512, loopback)
	setSysctl(f, useOIF, "on")
	expectUnknown(t, "source-selection-cost", f, useOIF+` is "on", which is no number`)
}
