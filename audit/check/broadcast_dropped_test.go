package check

import (
	"io/fs"
	"testing"

	"ptbrelay/audit/host"
)

const (
	dropAll4 = "net/ipv4/conf/all/drop_unicast_in_l2_multicast"
	dropOwn4 = "net/ipv4/conf/eth0/drop_unicast_in_l2_multicast"
	dropAll6 = "net/ipv6/conf/all/drop_unicast_in_l2_multicast"
	dropOwn6 = "net/ipv6/conf/eth0/drop_unicast_in_l2_multicast"

	droppedWhy = "The kernel silently drops copies that come in broadcast frames by eth0, so this host does not learn from its peers."
	noneDrops  = "net.ipv4.conf.all.drop_unicast_in_l2_multicast = 0, net.ipv4.conf.eth0.drop_unicast_in_l2_multicast = 0, " +
		"net.ipv6.conf.eth0.drop_unicast_in_l2_multicast = 0" + noneFiltered
	noneFiltered = "; nftables: nothing drops PTBs just because they come in broadcast frames (IPv4 and IPv6, by eth0)"
)

func TestBroadcastDropped(t *testing.T) {
	tests := map[string]struct {
		set        []string
		read, mend string
	}{
		"all, IPv4": {[]string{dropAll4},
			"net.ipv4.conf.all.drop_unicast_in_l2_multicast = 1",
			"sysctl -w net.ipv4.conf.all.drop_unicast_in_l2_multicast=0"},
		"its own, IPv4": {[]string{dropOwn4},
			"net.ipv4.conf.eth0.drop_unicast_in_l2_multicast = 1",
			"sysctl -w net.ipv4.conf.eth0.drop_unicast_in_l2_multicast=0"},
		"its own, IPv6": {[]string{dropOwn6},
			"net.ipv6.conf.eth0.drop_unicast_in_l2_multicast = 1",
			"sysctl -w net.ipv6.conf.eth0.drop_unicast_in_l2_multicast=0"},
		"every one": {[]string{dropAll4, dropOwn4, dropOwn6},
			"net.ipv4.conf.all.drop_unicast_in_l2_multicast = 1, net.ipv4.conf.eth0.drop_unicast_in_l2_multicast = 1, " +
				"net.ipv6.conf.eth0.drop_unicast_in_l2_multicast = 1",
			"sysctl -w net.ipv4.conf.all.drop_unicast_in_l2_multicast=0 net.ipv4.conf.eth0.drop_unicast_in_l2_multicast=0 " +
				"net.ipv6.conf.eth0.drop_unicast_in_l2_multicast=0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := facts()
			for _, path := range tt.set {
				setSysctl(f, path, "1")
			}
			expect(t, "broadcast-dropped", f,
				Finding{Severity: Error, Subject: "eth0", Read: tt.read, Why: droppedWhy, Mend: tt.mend})

			f.Expect.Transport = UDP
			expect(t, "broadcast-dropped", f, Finding{Severity: Info, Subject: "eth0", Read: tt.read,
				Why: "Copies over udp are not affected; broadcast copies that come in by eth0 would be dropped silently.", Mend: tt.mend})
		})
	}
}

// TestBroadcastDroppedIPv6All: the kernel does not heed it.
func TestBroadcastDroppedIPv6All(t *testing.T) {
	f := facts()
	setSysctl(f, dropAll6, "1")
	expect(t, "broadcast-dropped", f, Finding{Severity: OK, Read: noneDrops})
}

func TestBroadcastDroppedInterfaces(t *testing.T) {
	second := host.Link{Index: 3, Name: "eth1", Ethernet: true, Up: true}
	second4 := "net/ipv4/conf/eth1/drop_unicast_in_l2_multicast"
	mend := "sysctl -w net.ipv4.conf.eth1.drop_unicast_in_l2_multicast=0"
	read := "net.ipv4.conf.eth1.drop_unicast_in_l2_multicast = 1"
	why := "The kernel silently drops copies that come in broadcast frames by eth1, so this host does not learn from its peers."
	with := func() *Facts {
		f := facts()
		f.Links.Value = append(f.Links.Value, second)
		setSysctl(f, second4, "1")
		return f
	}
	t.Run("another than the named one", func(t *testing.T) {
		expect(t, "broadcast-dropped", with(), Finding{Severity: OK, Read: noneDrops})
	})
	t.Run("none named", func(t *testing.T) {
		f := with()
		f.Expect.Interfaces = nil
		expect(t, "broadcast-dropped", f, Finding{Severity: Error, Subject: "eth1", Read: read, Why: why, Mend: mend})
	})
	t.Run("none named, down", func(t *testing.T) {
		f := with()
		f.Expect.Interfaces = nil
		f.Links.Value[2].Up = false
		expect(t, "broadcast-dropped", f, Finding{Severity: OK, Read: noneDrops})
	})
	t.Run("none named, no Ethernet", func(t *testing.T) {
		f := with()
		f.Expect.Interfaces = nil
		f.Links.Value[2].Ethernet = false
		expect(t, "broadcast-dropped", f, Finding{Severity: OK, Read: noneDrops})
	})
	t.Run("with udp all, whatever is named", func(t *testing.T) {
		f := with()
		f.Expect.Transport = UDP
		expect(t, "broadcast-dropped", f, Finding{Severity: Info, Subject: "eth1", Read: read, Mend: mend,
			Why: "Copies over udp are not affected; broadcast copies that come in by eth1 would be dropped silently."})
	})
}

// TestBroadcastDroppedWithoutIPv6: an interface without IPv6 takes no copies of it.
func TestBroadcastDroppedWithoutIPv6(t *testing.T) {
	f := facts()
	failSysctl(f, dropOwn6, fs.ErrNotExist)
	expect(t, "broadcast-dropped", f, Finding{Severity: OK, Read: "net.ipv4.conf.all.drop_unicast_in_l2_multicast = 0, " +
		"net.ipv4.conf.eth0.drop_unicast_in_l2_multicast = 0" + noneFiltered})
}

func TestBroadcastDroppedUnknown(t *testing.T) {
	const why = "Whether the kernel drops copies that come in broadcast frames is not known."
	t.Run("links, where no interface is named", func(t *testing.T) {
		f := facts()
		f.Expect.Interfaces = nil
		f.Links = Fact[[]host.Link]{Err: errRead}
		expectUnknown(t, "broadcast-dropped", f, errRead.Error())
	})
	t.Run("all", func(t *testing.T) {
		f := facts()
		failSysctl(f, dropAll4, errRead)
		expectUnknown(t, "broadcast-dropped", f, "open /proc/sys/"+dropAll4+": "+errRead.Error())
	})
	for _, path := range []string{dropOwn4, dropOwn6} {
		t.Run(path, func(t *testing.T) {
			f := facts()
			failSysctl(f, path, errRead)
			expect(t, "broadcast-dropped", f, Finding{Severity: Unknown, Subject: "eth0",
				Read: "open /proc/sys/" + path + ": " + errRead.Error(), Why: why})
		})
	}
	t.Run("an interface that is not there", func(t *testing.T) {
		f := facts()
		f.Expect.Interfaces = []string{"eth9"}
		expect(t, "broadcast-dropped", f, Finding{Severity: Error, Subject: "eth9",
			Read: "configuration: it is one of interfaces; there is no interface of that name",
			Why:  "ptbrelay cannot start: name one of those that ip link shows."})
	})
}
