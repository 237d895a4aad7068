package host

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func countersOn(n *lab.Node) (c Counters, err error) {
	err = n.Do(func() (err error) {
		c, err = ReadCounters()
		return err
	})
	return c, err
}

// byName are the counters that nstat shows.
func byName(n map[string]uint64) Counters {
	return Counters{
		PTBIn: n["IcmpMsgInType3"], PTBIn6: n["Icmp6InPktTooBigs"], OutOfWindow: n["TcpExtOutOfWindowIcmps"],
		ProbeSuccess: n["TcpExtTCPMTUPSuccess"], ProbeFail: n["TcpExtTCPMTUPFail"],
		FragFails: n["IpFragFails"], FragFails6: n["Ip6FragFails"],
		Opened: n["TcpActiveOpens"] + n["TcpPassiveOpens"], Retransmitted: n["TcpRetransSegs"],
	}
}

// agreeing waits until the counters of a node hold, and says that they are those
// which the lab reads by names.
func agreeing(t *testing.T, n *lab.Node, what string, holds func(Counters) bool) (c Counters) {
	t.Helper()
	labtest.Eventually(t, within, n.Name()+": "+what, func() error {
		before, err := n.Counters()
		if err != nil {
			return err
		}
		began := time.Now()
		if c, err = countersOn(n); err != nil {
			return err
		}
		ended := time.Now()
		after, err := n.Counters()
		if err != nil {
			return err
		}
		if c.At.Before(began) || c.At.After(ended) {
			return fmt.Errorf("read at %v, between %v and %v", c.At, began, ended)
		}
		got := c
		got.At = time.Time{}
		if was, is := byName(before), byName(after); was != is || got != was {
			return fmt.Errorf("%+v, nstat's are %+v, then %+v", got, was, is)
		}
		if !holds(c) {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	return c
}

// What a black hole does to the counters of the server that gets the PTBs, and of
// the router that sends them.
func TestReadCounters(t *testing.T) {
	l := labtest.New(t, lab.Options{Servers: 1, Clients: 1})
	server := l.Servers[0]
	before := agreeing(t, server, "nothing yet", func(c Counters) bool { return c.PTBIn == 0 && c.PTBIn6 == 0 && c.Retransmitted == 0 })
	for _, f := range lab.Families() {
		vip := netip.AddrPortFrom(l.VIP(f), 443)
		tcp := connect(t, l.Client, server, vip, netip.AddrPortFrom(l.ClientAddr(f, 0), 50000))
		if _, err := tcp.Write(make([]byte, 20_000)); err != nil {
			t.Fatal(err)
		}
	}
	got := agreeing(t, server, "PTBs of both families, segments sent again", func(c Counters) bool {
		return c.PTBIn > 0 && c.PTBIn6 > 0 && c.Retransmitted > 0
	})
	if got.Opened != before.Opened+2 {
		t.Errorf("%d connections, %d before, want two more", got.Opened, before.Opened)
	}
	labtest.Eventually(t, within, "the server hears of every packet that the router could not pass on", func() error {
		got, err := countersOn(server)
		if err != nil {
			return err
		}
		isp, err := countersOn(l.ISP)
		if err != nil {
			return err
		}
		if isp.FragFails == 0 || isp.FragFails6 == 0 || isp.FragFails != got.PTBIn || isp.FragFails6 != got.PTBIn6 {
			return fmt.Errorf("router %+v, server %+v", isp, got)
		}
		return nil
	})
	// It has heard of closed ports too (ICMP type 3), while the lab was made ready.
	if c := agreeing(t, l.Client, "its own connections", func(c Counters) bool { return c.Opened == 2 }); c.PTBIn6+c.FragFails+c.FragFails6 > 0 {
		t.Errorf("the client %+v", c)
	}
}

// process is a process with these files below its net, and no others.
func process(t testing.TB, files map[string]string) procfs.Proc {
	t.Helper()
	root := t.TempDir()
	writeFiles(t, filepath.Join(root, "1", "net"), files)
	fs, err := procfs.NewFS(root)
	if err != nil {
		t.Fatal(err)
	}
	p, err := fs.Proc(1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// writeFiles writes files below a directory, which it makes.
func writeFiles(t testing.TB, directory string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(directory, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	snmp = "Ip: Forwarding FragFails FragCreates\nIp: 2 1 0\n" +
		"Icmp: InMsgs InDestUnreachs OutMsgs\nIcmp: 9 2 0\nIcmpMsg: InType3 InType8\nIcmpMsg: 2 7\n" +
		"Tcp: MaxConn ActiveOpens PassiveOpens RetransSegs\nTcp: -1 10 20 3\n"
	netstat = "TcpExt: OutOfWindowIcmps TCPMTUPFail TCPMTUPSuccess\nTcpExt: 4 5 6\nIpExt: InOctets\nIpExt: 1000\n"
	snmp6   = "Ip6FragFails                    \t7\nIcmp6InPktTooBigs               \t8\n"
)

func TestReadCountersOfFiles(t *testing.T) {
	all := Counters{PTBIn: 2, PTBIn6: 8, OutOfWindow: 4, ProbeSuccess: 6, ProbeFail: 5, FragFails: 1, FragFails6: 7, Opened: 30, Retransmitted: 3}
	without6, probeless := all, all
	without6.PTBIn6, without6.FragFails6 = 0, 0
	probeless.ProbeFail, probeless.ProbeSuccess = 0, 0
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Counters
		err   error
		fails bool
	}{
		{"all", map[string]string{"snmp": snmp, "netstat": netstat, "snmp6": snmp6}, all, nil, false},
		{"IPv6 off", map[string]string{"snmp": snmp, "netstat": netstat}, without6, nil, false},
		{"old kernel", map[string]string{"snmp": snmp, "snmp6": snmp6, "netstat": "TcpExt: OutOfWindowIcmps\nTcpExt: 4\n"}, probeless, nil, false},
		{"no snmp", map[string]string{"netstat": netstat, "snmp6": snmp6}, Counters{}, fs.ErrNotExist, true},
		{"no netstat", map[string]string{"snmp": snmp, "snmp6": snmp6}, Counters{}, fs.ErrNotExist, true},
		{"no number", map[string]string{"snmp": strings.Replace(snmp, "20", "x", 1), "netstat": netstat}, Counters{}, nil, true},
		{"columns missing", map[string]string{"snmp": snmp, "netstat": strings.Replace(netstat, " 6", "", 1)}, Counters{}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readCounters(process(t, c.files))
			got.At = time.Time{}
			if got != c.want || c.fails != (err != nil) || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%+v, %v, want %+v, failure %v", got, err, c.want, c.fails)
			}
		})
	}
}
