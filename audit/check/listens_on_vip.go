package check

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// listensOnVIP looks for what of ptbrelay itself anybody could reach by a VIP: the
// server of metrics and page, and the udp port. What others listen by is not its
// matter.
func listensOnVIP(f *Facts) []Finding {
	vips, err := f.vips()
	if err != nil {
		return []Finding{unknown(err, "Whether metrics, page or the udp port can be reached by a VIP is not known.")}
	}
	found := append(f.httpOnVIP(vips), f.udpOnVIP(vips)...)
	read := fmt.Sprintf("configuration: http.listen %q", f.Expect.HTTP)
	if f.Expect.Transport == UDP {
		read += fmt.Sprintf(", udp.listen %v", f.Expect.UDPListen)
	}
	return orOK(found, read+"; VIPs: "+cmp.Or(vipNames(vips), "none"))
}

// httpOnVIP judges http.listen by itself where it names an address; where it names
// a host, by the sockets that there are.
func (f *Facts) httpOnVIP(vips []netip.Prefix) []Finding {
	if f.Expect.HTTP == "" || len(vips) == 0 {
		return nil
	}
	name, port, err := net.SplitHostPort(f.Expect.HTTP)
	if err != nil {
		return []Finding{unknown(fmt.Errorf("http.listen: %w", err), "Whether metrics and page can be reached by a VIP is not known.")}
	}
	a, err := netip.ParseAddr(name)
	switch {
	case name == "localhost":
	case name == "", err == nil && a.Unmap().IsUnspecified():
		return []Finding{httpReached("http.listen "+f.Expect.HTTP, fmt.Sprintf("configuration: it is every address, VIPs too: %s", vipNames(vips)))}
	case err != nil:
		return f.socketOnVIP(vips, false, port, httpReached)
	case onVIP(vips, a.Unmap().WithZone("")):
		return []Finding{httpReached("http.listen "+f.Expect.HTTP, "configuration: its address is a VIP")}
	}
	return nil
}

func httpReached(subject, read string) Finding {
	return Finding{
		Severity: Warning,
		Subject:  subject,
		Read:     read,
		Why:      "Whoever reaches the service reads metrics and page, where no packet filter forbids it: set http.listen to an address of this server alone, or localhost:7690.",
	}
}

// udpOnVIP judges udp.listen where it is given; else, as ptbrelay then chooses an
// address, by the sockets that there are.
func (f *Facts) udpOnVIP(vips []netip.Prefix) []Finding {
	if f.Expect.Transport != UDP || len(vips) == 0 {
		return nil
	}
	if len(f.Expect.UDPListen) == 0 {
		return f.socketOnVIP(vips, true, strconv.Itoa(int(f.Expect.UDPPort)), udpReached)
	}
	var found []Finding
	for _, a := range f.Expect.UDPListen {
		if onVIP(vips, a) {
			found = append(found, udpReached("udp.listen "+a.String(), "configuration: its address is a VIP"))
		}
	}
	return found
}

func udpReached(subject, read string) Finding {
	return Finding{
		Severity: Warning,
		Subject:  subject,
		Read:     read,
		Why:      "A VIP is on every server: copies for this one reach another, and strangers reach the port. Set udp.listen to an address of this server alone.",
	}
}

// socketOnVIP looks for a socket on a VIP itself; ptbrelay binds none to all
// addresses where it has one to bind to.
func (f *Facts) socketOnVIP(vips []netip.Prefix, udp bool, port string, reached func(subject, read string) Finding) []Finding {
	if f.Listeners.Err != nil {
		return []Finding{unknown(f.Listeners.Err, "Whether port "+port+" can be reached by a VIP is not known.")}
	}
	var found []Finding
	for _, l := range f.Listeners.Value {
		a := l.Local.Addr().WithZone("")
		if l.UDP == udp && strconv.Itoa(int(l.Local.Port())) == port && onVIP(vips, a) {
			found = append(found, reached(l.Local.String(), "sockets: one listens there, and it is a VIP"))
		}
	}
	return found
}
