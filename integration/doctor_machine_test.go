package integration

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/cmd/ptbrelay/app"
)

// What doctor says of the machine that the tests run on, which is only looked at, is so
// by other means.
func TestDoctorOfThisMachine(t *testing.T) {
	onMachine(t, func(m machine) {
		counters, gone := m.counters(), m.gone()
		m.doctor()
		m.checkCounters(counters, m.counters())
		m.checkNextHops(gone, m.gone())
		m.checkTags()
		m.checkLocalRoutes()
		m.checkReversePaths()
		m.checkSettings()
		if got := strings.Contains(m.of("clock")[0].read, "is synchronised"); got != clockKept(m.t) {
			m.t.Errorf("the clock is kept: %v, doctor read %s", !got, m.of("clock")[0].read)
		}
	})
}

// machine is this one, seen from a thread in its network namespace.
type machine struct {
	t *testing.T
	diagnosis
}

// onMachine looks at the machine from the namespace that the tests were started in,
// where that is allowed.
func onMachine(t *testing.T, look func(machine)) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() { // this thread stands for the process
		defer runtime.UnlockOSThread()
		t.Run("on another thread", func(t *testing.T) { onMachine(t, look) })
		return
	}
	// Never unlocked: the thread ends with the test.
	if err := enterOutside(); err != nil {
		t.Skipf("the machine's network namespace: %v", err)
	}
	look(machine{t: t})
}

// enterOutside moves this thread into the namespace of the process that made the one of
// the tests.
func enterOutside() error {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", os.Getppid()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, unix.CLONE_NEWNET)
}

// doctor runs the command on this thread.
func (m *machine) doctor() {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"doctor", "--format", "json", "--config", writeConfig(m.t, "")}
	if code := app.Run(m.t.Context(), args, nil, &stdout, &stderr); code > 1 || stderr.Len() > 0 {
		m.t.Errorf("exit code %d: %s", code, &stderr)
	}
	m.diagnosis = parseDiagnosis(m.t, stdout.String())
}

// tells reports whether a check tells something of this severity that begins so.
func (m *machine) tells(severity, id, subject string) bool {
	return slices.ContainsFunc(m.told(), func(f string) bool { return strings.HasPrefix(f, strings.TrimSpace(severity+" "+id+" "+subject)) })
}

func (m *machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) number(sysctl string) int {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc/sys/net", sysctl))
	m.must(err)
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	m.must(err)
	return n
}

// counters are the kernel's, by the names of nstat(8).
func (m *machine) counters() map[string]int {
	m.t.Helper()
	counters := make(map[string]int)
	for _, file := range []string{"snmp", "netstat", "snmp6"} {
		b, err := os.ReadFile("/proc/thread-self/net/" + file)
		m.must(err)
		var names []string
		for line := range strings.Lines(string(b)) {
			fields := strings.Fields(line)
			switch {
			case file == "snmp6":
				counters[fields[0]], _ = strconv.Atoi(fields[1])
			case names == nil:
				names = fields
			default:
				for i := 1; i < len(fields); i++ {
					counters[strings.TrimSuffix(names[0], ":")+names[i]], _ = strconv.Atoi(fields[i])
				}
				names = nil
			}
		}
	}
	return counters
}

// checkCounters compares the counters that doctor read with those before and after.
func (m *machine) checkCounters(before, after map[string]int) {
	m.t.Helper()
	read := m.of("counters")[0].read
	for _, name := range []string{"IcmpInDestUnreachs", "Icmp6InPktTooBigs", "TcpExtOutOfWindowIcmps", "TcpExtTCPMTUPSuccess",
		"TcpExtTCPMTUPFail", "IpFragFails", "Ip6FragFails", "TcpRetransSegs"} {
		words := regexp.MustCompile(`\b` + name + ` (\d+)`).FindStringSubmatch(read)
		if words == nil {
			m.t.Errorf("no %s in %s", name, read)
			continue
		}
		if n, _ := strconv.Atoi(words[1]); n < before[name] || n > after[name] {
			m.t.Errorf("%s is %d, before it was %d, after %d", name, n, before[name], after[name])
		}
	}
}

// defaults are the default routes of all tables.
func (m *machine) defaults() (found []netlink.Route) {
	m.t.Helper()
	all, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	m.must(err)
	for _, r := range all {
		if ones, _ := r.Dst.Mask.Size(); ones == 0 && r.Type == unix.RTN_UNICAST {
			found = append(found, r)
		}
	}
	return found
}

// checkTags: a tag is told of exactly where it differs from the interface.
func (m *machine) checkTags() {
	m.t.Helper()
	for _, r := range m.defaults() {
		link, err := netlink.LinkByIndex(r.LinkIndex)
		if err != nil {
			continue // a multipath route goes by several
		}
		table, metric := strconv.Itoa(r.Table), r.Priority
		if r.Table == unix.RT_TABLE_MAIN {
			table = "main"
		}
		odd := r.MTU != 0 && r.MTU != link.Attrs().MTU
		if subject := fmt.Sprintf("%v table %s metric %d", r.Dst, table, metric); m.tells("warning", "route-mtu-tag", subject) != odd {
			m.t.Errorf("route %v by %v with MTU %d: doctor tells %v", r, link.Attrs().Name, r.MTU, m.told())
		}
	}
}

// gone tells of each gateway of a default route, by the name that doctor gives it, whether
// it does not answer or cannot.
func (m *machine) gone() map[string]bool {
	m.t.Helper()
	gone := make(map[string]bool)
	for _, r := range m.defaults() {
		link, err := netlink.LinkByIndex(r.LinkIndex)
		if err != nil || r.Gw == nil {
			continue // of a multipath route, or everybody is on the link
		}
		neighbours, err := netlink.NeighList(r.LinkIndex, netlink.FAMILY_ALL)
		m.must(err)
		unanswered := slices.ContainsFunc(neighbours, func(n netlink.Neigh) bool {
			return n.IP.Equal(r.Gw) && n.State&(netlink.NUD_FAILED|netlink.NUD_INCOMPLETE) != 0
		})
		gone[fmt.Sprintf("via %v dev %s", r.Gw, link.Attrs().Name)] = unanswered || r.Flags&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0
	}
	return gone
}

// checkNextHops compares with what was and is gone, as far as that is the same.
func (m *machine) checkNextHops(before, after map[string]bool) {
	m.t.Helper()
	for name, gone := range before {
		told := m.tells("warning", "nexthop-unreachable", name) || m.tells("error", "nexthop-unreachable", name)
		if still, ok := after[name]; ok && still == gone && told != gone {
			m.t.Errorf("%s is gone: %v; doctor tells %v", name, gone, m.told())
		}
	}
}

// checkLocalRoutes: of the addresses of interfaces that are up those are told of that the
// kernel would send away.
func (m *machine) checkLocalRoutes() {
	m.t.Helper()
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	m.must(err)
	for _, a := range addresses {
		link, err := netlink.LinkByIndex(a.LinkIndex)
		m.must(err)
		if link.Attrs().Flags&net.FlagUp == 0 || a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0 || a.IP.IsLinkLocalUnicast() {
			continue
		}
		routes, err := netlink.RouteGet(a.IP)
		missing := err != nil || len(routes) != 1 || routes[0].Type != unix.RTN_LOCAL
		if m.tells("error", "local-route-missing", a.IP.String()) != missing {
			m.t.Errorf("the local route of %v is missing: %v; doctor tells %v", a.IP, missing, m.told())
		}
	}
}

// checkReversePaths: interfaces that are up are told of where the filter is strict.
func (m *machine) checkReversePaths() {
	m.t.Helper()
	links, err := netlink.LinkList()
	m.must(err)
	all := m.number("ipv4/conf/all/rp_filter")
	strict := 0
	for _, l := range links {
		a := l.Attrs()
		if a.Flags&net.FlagUp != 0 && a.Flags&net.FlagLoopback == 0 && max(all, m.number("ipv4/conf/"+a.Name+"/rp_filter")) == 1 {
			strict++
		}
	}
	if told := m.tells("warning", "rp-filter", ""); told != (strict > 0) {
		m.t.Errorf("%d interfaces filter strictly; doctor tells %v", strict, m.told())
	}
}

func (m *machine) checkSettings() {
	m.t.Helper()
	for _, s := range []struct {
		severity, id string
		faulty       bool
	}{
		{"warning", "pmtu-disabled", m.number("ipv4/ip_no_pmtu_disc") != 0},
		{"info", "mtu-probing", m.number("ipv4/tcp_mtu_probing") == 0},
	} {
		if m.tells(s.severity, s.id, "") != s.faulty {
			m.t.Errorf("%s is at fault: %v; doctor tells %v", s.id, s.faulty, m.told())
		}
	}
}
