package check

import (
	"net/netip"
	"testing"

	"ptbrelay/audit/host"
)

const (
	httpOpen = "Whoever reaches the service reads metrics and page, where no packet filter forbids it: set http.listen to an address of this server alone, or localhost:7690."
	udpOpen  = "A VIP is on every server: copies for this one reach another, and strangers reach the port. Set udp.listen to an address of this server alone."
)

func TestListensOnVIP(t *testing.T) {
	everywhere := "configuration: it is every address, VIPs too: 192.0.2.1, 2001:db8:ffff::1"
	listen := func(f *Facts, udp bool, local string) {
		f.Listeners.Value = append(f.Listeners.Value, host.Listener{UDP: udp, Local: netip.MustParseAddrPort(local)})
	}
	for name, c := range map[string]struct {
		fault func(*Facts)
		want  Finding
	}{
		"http everywhere": {
			func(f *Facts) { f.Expect.HTTP = ":7690" },
			Finding{Severity: Warning, Subject: "http.listen :7690", Read: everywhere, Why: httpOpen},
		},
		"http on 0.0.0.0": {
			func(f *Facts) { f.Expect.HTTP = "0.0.0.0:9100" },
			Finding{Severity: Warning, Subject: "http.listen 0.0.0.0:9100", Read: everywhere, Why: httpOpen},
		},
		"http on ::": {
			func(f *Facts) { f.Expect.HTTP = "[::]:9100" },
			Finding{Severity: Warning, Subject: "http.listen [::]:9100", Read: everywhere, Why: httpOpen},
		},
		"http on a VIP": {
			func(f *Facts) { f.Expect.HTTP = "[2001:db8:ffff::1]:7690" },
			Finding{Severity: Warning, Subject: "http.listen [2001:db8:ffff::1]:7690", Read: "configuration: its address is a VIP", Why: httpOpen},
		},
		"http on a VIP that is not configured": {
			func(f *Facts) { f.Expect.VIPs = nil; f.Expect.HTTP = "192.0.2.1:7690" },
			Finding{Severity: Warning, Subject: "http.listen 192.0.2.1:7690", Read: "configuration: its address is a VIP", Why: httpOpen},
		},
		"http by a name that is a VIP's": {
			func(f *Facts) { f.Expect.HTTP = "www.example:7690"; listen(f, false, "192.0.2.1:7690") },
			Finding{Severity: Warning, Subject: "192.0.2.1:7690", Read: "sockets: one listens there, and it is a VIP", Why: httpOpen},
		},
		"udp.listen is a VIP": {
			func(f *Facts) {
				f.Expect.Transport = UDP
				f.Expect.UDPListen = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8:1::5")}
			},
			Finding{Severity: Warning, Subject: "udp.listen 192.0.2.1", Read: "configuration: its address is a VIP", Why: udpOpen},
		},
		"udp chose a VIP": {
			func(f *Facts) { f.Expect.Transport = UDP; listen(f, true, "[2001:db8:ffff::1]:7690") },
			Finding{Severity: Warning, Subject: "[2001:db8:ffff::1]:7690", Read: "sockets: one listens there, and it is a VIP", Why: udpOpen},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.fault(f)
			expect(t, "listens-on-vip", f, c.want)
		})
	}
}

// What is reached by no VIP, or is not ptbrelay's.
func TestListensElsewhere(t *testing.T) {
	everything := []host.Listener{
		{Local: netip.MustParseAddrPort("192.0.2.1:7690")},
		{Local: netip.MustParseAddrPort("0.0.0.0:7690")},
		{UDP: true, Local: netip.MustParseAddrPort("192.0.2.1:7690")},
	}
	for name, change := range map[string]func(*Facts){
		"localhost":                       func(f *Facts) { f.Listeners.Value = everything },
		"an address of this server":       func(f *Facts) { f.Expect.HTTP = "198.51.100.5:7690"; f.Listeners.Value = everything },
		"off":                             func(f *Facts) { f.Expect.HTTP = ""; f.Listeners.Value = everything },
		"a name without a socket":         func(f *Facts) { f.Expect.HTTP = "www.example:7691"; f.Listeners.Value = everything },
		"broadcast needs no socket":       func(f *Facts) { f.Listeners.Err = errRead },
		"other's socket beside udp's own": func(f *Facts) { f.Expect.Transport = UDP; f.Listeners.Value = everything[:2] },
		"udp.listen is this server's": func(f *Facts) {
			f.Expect.Transport = UDP
			f.Expect.UDPListen = []netip.Addr{netip.MustParseAddr("198.51.100.5")}
			f.Listeners.Value = everything
		},
		"no VIPs": func(f *Facts) {
			f.Expect.VIPs, f.Expect.HTTP, f.Expect.Transport = nil, ":7690", UDP
			withoutLocal(f, "192.0.2.1/32")
			withoutLocal(f, "2001:db8:ffff::1/128")
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			change(f)
			found := examine(t, "listens-on-vip", f)
			if len(found) != 1 || found[0].Severity != OK {
				t.Errorf("%+v", found)
			}
		})
	}
}

func TestListensOnVIPRead(t *testing.T) {
	expect(t, "listens-on-vip", facts(), Finding{
		Severity: OK,
		Read:     `configuration: http.listen "localhost:7690"; VIPs: 192.0.2.1, 2001:db8:ffff::1`,
	})
}

func TestListensOnVIPUnknown(t *testing.T) {
	f := facts()
	f.Expect.VIPs, f.Routes.Err = nil, errRead
	expectUnknown(t, "listens-on-vip", f, "the kernel did not say")
	f = facts()
	f.Expect.VIPs, f.Links.Err = nil, errRead
	expectUnknown(t, "listens-on-vip", f, "the kernel did not say")
	f = facts()
	f.Expect.HTTP, f.Listeners.Err = "www.example:7690", errRead
	expectUnknown(t, "listens-on-vip", f, "the kernel did not say")
	f = facts()
	f.Expect.Transport, f.Listeners.Err = UDP, errRead
	expectUnknown(t, "listens-on-vip", f, "the kernel did not say")
	f = facts()
	f.Expect.HTTP = "7690"
	expectUnknown(t, "listens-on-vip", f, "http.listen: address 7690: missing port in address")
}
