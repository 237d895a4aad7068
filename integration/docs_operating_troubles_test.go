package integration

import (
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// edit changes the first server's configuration, and undo changes it back.
func (o *operator) edit(pattern, to string) (undo func()) {
	o.t.Helper()
	good := fileText(o.t, o.configs[0])
	bad := regexp.MustCompile(pattern).ReplaceAllString(good, to)
	if bad == good {
		o.t.Fatalf("no %s in\n%s", pattern, good)
	}
	put := func(text string) {
		o.write(0, text)
		o.reload(0)
	}
	put(bad)
	return func() { put(good) }
}

// rekey gives a server another key.
func (o *operator) rekey(server int, key string) {
	o.t.Helper()
	o.key(server, key+"\n")
	o.reload(server)
}

// loseLocalRoute gives the first server an address whose local route is gone.
func (o *operator) loseLocalRoute(prefix string) (undo func()) {
	o.t.Helper()
	e := edge{o.Servers[0], o.t, o.Lab}
	undo = e.hold("lo", prefix)
	labtest.Eventually(o.t, 5*time.Second, "the address is local", func() error {
		if len(e.routes(netip.MustParsePrefix(prefix), unix.RT_TABLE_LOCAL)) == 0 {
			return errNotYet
		}
		return nil
	})
	e.forget(prefix)
	return undo
}

// vip takes the VIP from the first server, or gives it back.
func (o *operator) vip(line string) {
	o.t.Helper()
	vip := o.VIP(lab.IPv4)
	switch line {
	case fmt.Sprintf("ip address del %v/32 dev lo", vip):
		labtest.WithdrawVIPs(o.t, o.Lab, 0, lab.IPv4)
	case fmt.Sprintf("ip address add %v/32 dev lo", vip):
		labtest.HoldAddresses(o.t, o.Servers[0], vip)
	default:
		o.t.Fatalf("the page says %q, which this test does not know", line)
	}
}
