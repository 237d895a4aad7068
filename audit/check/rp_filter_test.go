package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ptbrelay/audit/host"
)

const strictWhy = "IPv4 PTBs, and copies of them, that come in by eth0 are dropped where this host would answer their router by another interface."

func TestRPFilter(t *testing.T) {
	tests := []struct {
		all, own string
		strict   bool
	}{
		{"0", "0", false},
		{"0", "1", true},
		{"1", "0", true},
		{"1", "1", true},
		{"1", "2", false},
		{"2", "1", false},
		{"2", "0", false},
	}
	for _, tt := range tests {
		t.Run(tt.all+tt.own, func(t *testing.T) {
			f := facts()
			setSysctl(f, "net/ipv4/conf/all/rp_filter", tt.all)
			setSysctl(f, "net/ipv4/conf/eth0/rp_filter", tt.own)
			read := fmt.Sprintf("net.ipv4.conf.all.rp_filter = %s, net.ipv4.conf.eth0.rp_filter = %s", tt.all, tt.own)
			want := Finding{Severity: OK, Read: read}
			if tt.strict {
				want = Finding{Severity: Warning, Subject: "eth0", Read: read + "; the larger counts, 1 is strict",
					Why: strictWhy, Mend: "sysctl -w net.ipv4.conf.eth0.rp_filter=2"}
			}
			expect(t, "rp-filter", f, want)
		})
	}
}

// TestRPFilterLooksAtInterfacesThatAreUp: neither at loopback nor at what is down.
func TestRPFilterLooksAtInterfacesThatAreUp(t *testing.T) {
	f := facts()
	setSysctl(f, "net/ipv4/conf/lo/rp_filter", "1")
	f.Links.Value = append(f.Links.Value, host.Link{Index: 3, Name: "eth1", Ethernet: true})
	setSysctl(f, "net/ipv4/conf/eth1/rp_filter", "1")
	expect(t, "rp-filter", f, Finding{Severity: OK, Read: "net.ipv4.conf.all.rp_filter = 0, net.ipv4.conf.eth0.rp_filter = 0"})
}

// TestRPFilterAside: interfaces that no route to a router goes by are told of at
// once, in words that leave those of containers alone.
func TestRPFilterAside(t *testing.T) {
	f := facts()
	var mend strings.Builder
	for i := range 10 {
		name := fmt.Sprintf("veth%d", i)
		f.Links.Value = append(f.Links.Value, host.Link{Index: 10 + i, Name: name, Ethernet: true, Up: true})
		setSysctl(f, "net/ipv4/conf/"+name+"/rp_filter", "1")
		want := 0 // loose is strict without an IPv4 address
		if i == 0 {
			f.Routes.Value.Addresses = append(f.Routes.Value.Addresses, host.Address{Prefix: prefix("10.0.0.1/24"), Interface: 10})
			want = 2
		}
		fmt.Fprintf(&mend, " net.ipv4.conf.%s.rp_filter=%d", name, want)
	}
	expect(t, "rp-filter", f, Finding{
		Severity: Warning,
		Subject:  "veth0, veth1, veth2, veth3, veth4, veth5, veth6, veth7, and 2 more",
		Read: "net.ipv4.conf.all.rp_filter = 0, net.ipv4.conf.veth0.rp_filter = 1, net.ipv4.conf.veth1.rp_filter = 1, " +
			"net.ipv4.conf.veth2.rp_filter = 1, net.ipv4.conf.veth3.rp_filter = 1, net.ipv4.conf.veth4.rp_filter = 1, " +
			"net.ipv4.conf.veth5.rp_filter = 1, net.ipv4.conf.veth6.rp_filter = 1, and 3 more; the larger counts, 1 is strict",
		Why: "IPv4 PTBs that come in by one of these 10 interfaces are dropped where this host would answer their router by another interface; " +
			"one that leads to containers only may stay strict.",
		Mend: "sysctl -w" + mend.String(),
	})
}

func TestRPFilterAsideAlone(t *testing.T) {
	f := facts()
	f.Links.Value = append(f.Links.Value, host.Link{Index: 3, Name: "eth1", Ethernet: true, Up: true})
	setSysctl(f, "net/ipv4/conf/eth1/rp_filter", "1")
	expect(t, "rp-filter", f, Finding{
		Severity: Warning,
		Subject:  "eth1",
		Read:     "net.ipv4.conf.all.rp_filter = 0, net.ipv4.conf.eth1.rp_filter = 1; the larger counts, 1 is strict",
		Why: "IPv4 PTBs that come in by eth1 are dropped where this host would answer their router by another interface; " +
			"one that leads to containers only may stay strict.",
		Mend: "sysctl -w net.ipv4.conf.eth1.rp_filter=0",
	})
}

// TestRPFilterUnnumbered: on an interface without an IPv4 address loose is strict,
// which matters where it leads to routers.
func TestRPFilterUnnumbered(t *testing.T) {
	const reading = "; the larger counts, and on an interface without an IPv4 address any but 0 is strict"
	tests := []struct{ all, own, mend string }{
		{"0", "0", ""},
		{"0", "1", "sysctl -w net.ipv4.conf.eth0.rp_filter=0"},
		{"0", "2", "sysctl -w net.ipv4.conf.eth0.rp_filter=0"},
		{"2", "1", "sysctl -w net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.all.rp_filter=0"},
		{"1", "0", "sysctl -w net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.all.rp_filter=0"},
	}
	for _, tt := range tests {
		t.Run(tt.all+tt.own, func(t *testing.T) {
			f := facts()
			f.Routes.Value.Addresses = slices.DeleteFunc(f.Routes.Value.Addresses, func(a host.Address) bool {
				return a.Interface == eth0 && a.Prefix.Addr().Is4()
			})
			setSysctl(f, "net/ipv4/conf/all/rp_filter", tt.all)
			setSysctl(f, "net/ipv4/conf/eth0/rp_filter", tt.own)
			f.Links.Value = append(f.Links.Value, host.Link{Index: 3, Name: "slave", Ethernet: true, Up: true})
			setSysctl(f, "net/ipv4/conf/slave/rp_filter", "2")
			read := fmt.Sprintf("net.ipv4.conf.all.rp_filter = %s, net.ipv4.conf.eth0.rp_filter = %s", tt.all, tt.own)
			want := Finding{Severity: OK, Read: read + ", net.ipv4.conf.slave.rp_filter = 2"}
			if tt.mend != "" {
				want = Finding{Severity: Warning, Subject: "eth0", Read: read + reading, Why: strictWhy, Mend: tt.mend}
			}
			expect(t, "rp-filter", f, want)
		})
	}
}

// TestRPFilterNamesWithDots: sysctl(8) takes a slash for a dot in a name.
func TestRPFilterNamesWithDots(t *testing.T) {
	f := facts()
	f.Links.Value[1].Name = "eth0.7"
	setSysctl(f, "net/ipv4/conf/eth0.7/rp_filter", "1")
	expect(t, "rp-filter", f, Finding{
		Severity: Warning,
		Subject:  "eth0.7",
		Read:     "net.ipv4.conf.all.rp_filter = 0, net.ipv4.conf.eth0/7.rp_filter = 1; the larger counts, 1 is strict",
		Why:      strings.ReplaceAll(strictWhy, "eth0", "eth0.7"),
		Mend:     "sysctl -w net.ipv4.conf.eth0/7.rp_filter=2",
	})
}

// TestRPFilterWithoutRoutes: an interface that may lead to routers is judged as one
// that does.
func TestRPFilterWithoutRoutes(t *testing.T) {
	f := facts()
	f.Routes = Fact[host.Routes]{Err: errRead}
	setSysctl(f, "net/ipv4/conf/eth0/rp_filter", "1")
	expect(t, "rp-filter", f, Finding{
		Severity: Warning,
		Subject:  "eth0",
		Read:     "net.ipv4.conf.all.rp_filter = 0, net.ipv4.conf.eth0.rp_filter = 1; the larger counts, 1 is strict",
		Why:      strictWhy,
		Mend:     "sysctl -w net.ipv4.conf.eth0.rp_filter=2",
	})
}

func TestRPFilterUnknown(t *testing.T) {
	const path = "net/ipv4/conf/%s/rp_filter"
	t.Run("links", func(t *testing.T) {
		f := facts()
		f.Links = Fact[[]host.Link]{Err: errRead}
		expectUnknown(t, "rp-filter", f, errRead.Error())
	})
	t.Run("all", func(t *testing.T) {
		f := facts()
		failSysctl(f, fmt.Sprintf(path, "all"), errRead)
		expectUnknown(t, "rp-filter", f, "open /proc/sys/net/ipv4/conf/all/rp_filter: "+errRead.Error())
	})
	t.Run("interface", func(t *testing.T) {
		f := facts()
		failSysctl(f, fmt.Sprintf(path, "eth0"), errRead)
		expect(t, "rp-filter", f, Finding{
			Severity: Unknown,
			Subject:  "eth0",
			Read:     "open /proc/sys/net/ipv4/conf/eth0/rp_filter: " + errRead.Error(),
			Why:      "Whether the reverse path filter drops PTBs is not known.",
		})
	})
}
