package integration

import (
	"slices"
	"strconv"

	"ptbrelay/integration/lab"
)

// settingFaults are those of sysctls.
func settingFaults() []fault {
	loose := lab.Options{RPFilter: 2}
	return slices.Concat([]fault{
		setting("rp-filter", "strict on eth0", lab.Options{}, "", "net/ipv4/conf/eth0/rp_filter", "1", "warning rp-filter eth0"),
		setting("rp-filter", "strict on all", lab.Options{}, "", "net/ipv4/conf/all/rp_filter", "1", "warning rp-filter eth0"),
		setting("rp-filter", "strict across racks", lab.Options{Shape: lab.ShapeRouted, RPFilter: 2}, "", "net/ipv4/conf/all/rp_filter", "1", "warning rp-filter eth0"),
		setting("broadcast-dropped", "IPv4", loose, onSegment, "net/ipv4/conf/eth0/drop_unicast_in_l2_multicast", "1", "error broadcast-dropped eth0"),
		setting("broadcast-dropped", "IPv4 on all", loose, onSegment, "net/ipv4/conf/all/drop_unicast_in_l2_multicast", "1", "error broadcast-dropped eth0"),
		setting("broadcast-dropped", "IPv6, by default", loose, "", "net/ipv6/conf/eth0/drop_unicast_in_l2_multicast", "1", "error broadcast-dropped eth0"),
		setting("broadcast-dropped", "udp", loose, insecureRacks, "net/ipv4/conf/eth0/drop_unicast_in_l2_multicast", "1", "info broadcast-dropped eth0"),
		setting("mtu-probing", "off", lab.Options{}, "", "net/ipv4/tcp_mtu_probing", "0", "info mtu-probing"),
		setting("pmtu-floor", "small", lab.Options{}, "", "net/ipv4/route/min_pmtu", "200", "warning pmtu-floor"),
		setting("pmtu-floor", "soon forgotten, IPv4", lab.Options{}, "", "net/ipv4/route/mtu_expires", "59", "warning pmtu-floor"),
		setting("pmtu-floor", "soon forgotten, IPv6", lab.Options{}, "", "net/ipv6/route/mtu_expires", "59", "warning pmtu-floor"),
	}, discoveryFaults())
}

func discoveryFaults() (all []fault) {
	for mode := 1; mode <= 3; mode++ {
		all = append(all, setting("pmtu-disabled", "mode "+strconv.Itoa(mode), lab.Options{}, "", "net/ipv4/ip_no_pmtu_disc", strconv.Itoa(mode), "warning pmtu-disabled"))
	}
	return all
}

// setting is a fault that one sysctl is.
func setting(id, name string, o lab.Options, config, path, value, told string) fault {
	return fault{
		id: id, name: name, lab: o, config: config, told: []string{told},
		commit: func(e edge) func() {
			if _, err := e.Sysctl(path); err != nil {
				e.t.Skipf("this namespace does not show it: %v", err)
			}
			e.set(path, value)
			return nil
		},
	}
}
