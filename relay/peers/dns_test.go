package peers

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// asks waits until the server has had n more questions of each family, so that
// at least n-1 more answers were taken.
func (r *running) asks(s *dnsServer, n int) {
	r.t.Helper()
	four, six, _ := s.questions()
	labtest.Eventually(r.t, soon, "questions", func() error {
		if four2, six2, _ := s.questions(); four2 < four+n || six2 < six+n {
			return fmt.Errorf("%d and %d more, want %d", four2-four, six2-six, n)
		}
		return nil
	})
}

func TestDNSFollowsAnswers(t *testing.T) {
	s := newDNSServer(t, zone{four: hosts("198.51.100.3", "198.51.100.2"), six: hosts("2001:db8::2")})
	r := begin(t, dnsConfig(), s.resolver)
	r.becomes("198.51.100.2:7690", "198.51.100.3:7690", "[2001:db8::2]:7690")
	r.unresolvedIs(DNSName, 0)
	s.change(func(z *zone) { z.four = hosts("198.51.100.4") })
	r.becomes("198.51.100.4:7690", "[2001:db8::2]:7690")
	s.change(func(z *zone) { z.six = nil })
	r.becomes("198.51.100.4:7690")
	s.change(func(z *zone) { z.four, z.six = nil, hosts("2001:db8::3") })
	r.becomes("[2001:db8::3]:7690")
	s.change(func(z *zone) { z.six, z.alias = hosts("2001:db8::4"), "group.example.org." })
	r.becomes("[2001:db8::4]:7690")
	sets := len(r.told())
	r.asks(s, 5)
	if n := len(r.told()); n != sets {
		t.Errorf("%d sets told while nothing changed", n-sets)
	}
	r.logs(0, "WARN")
}

// What is no answer keeps the last good one, and is one line at its begin and
// one at its end.
func TestDNSKeepsTheLastGood(t *testing.T) {
	for name, broken := range map[string]func(*zone){
		"empty":       func(z *zone) { z.four, z.six = nil, nil },
		"no name":     func(z *zone) { *z = zone{rcode4: dns.RcodeNameError, rcode6: dns.RcodeNameError} },
		"failure":     func(z *zone) { *z = zone{rcode4: dns.RcodeServerFailure, rcode6: dns.RcodeServerFailure} },
		"refused":     func(z *zone) { *z = zone{rcode4: dns.RcodeRefused, rcode6: dns.RcodeRefused} },
		"no AAAA":     func(z *zone) { *z = zone{rcode4: dns.RcodeServerFailure} },
		"no A":        func(z *zone) { *z = zone{rcode6: dns.RcodeServerFailure} },
		"silent":      func(z *zone) { z.silent = true },
		"unspecified": func(z *zone) { z.four, z.six = hosts("0.0.0.0"), hosts("::") },
		"not unicast": func(z *zone) { z.four, z.six = hosts("224.0.0.1"), hosts("fe80::1") },
	} {
		t.Run(name, func(t *testing.T) {
			good := zone{four: hosts("198.51.100.2"), six: hosts("2001:db8::2")}
			s := newDNSServer(t, good)
			r := begin(t, dnsConfig(), s.resolver, func(p *Peers) {
				if name == "silent" {
					p.pace.lookup = 100 * time.Millisecond
				}
			})
			want := []string{"198.51.100.2:7690", "[2001:db8::2]:7690"}
			r.becomes(want...)
			s.change(broken)
			r.logs(1, "not resolved")
			r.asks(s, 3)
			r.stays(want...)
			r.logs(1, "not resolved")
			r.logs(0, "resolved again")
			s.change(func(z *zone) { *z = good; z.four = hosts("198.51.100.3") })
			r.becomes("198.51.100.3:7690", "[2001:db8::2]:7690")
			r.logs(1, "not resolved")
			r.logs(1, "resolved again")
		})
	}
}

// While one family fails, the other is followed, whatever went before.
func TestDNSFamiliesAreApart(t *testing.T) {
	const four, six = "198.51.100.2:7690", "[2001:db8::2]:7690"
	s := newDNSServer(t, zone{four: hosts("198.51.100.2"), six: hosts("2001:db8::2")})
	r := begin(t, dnsConfig(), s.resolver)
	r.becomes(four, six)
	s.change(func(z *zone) { z.rcode4, z.four, z.six = dns.RcodeServerFailure, nil, hosts("2001:db8::3") })
	r.becomes(four, "[2001:db8::3]:7690")
	r.logs(1, "not resolved")
	s.change(func(z *zone) { z.rcode4, z.four = 0, hosts("198.51.100.4") })
	r.becomes("198.51.100.4:7690", "[2001:db8::3]:7690")
	r.logs(1, "resolved again")
	s.change(func(z *zone) { z.rcode6, z.six, z.four = dns.RcodeServerFailure, nil, hosts("198.51.100.5") })
	r.becomes("198.51.100.5:7690", "[2001:db8::3]:7690")
	s.change(func(z *zone) { *z = zone{} })
	r.asks(s, 3)
	s.change(func(z *zone) { *z = zone{rcode4: dns.RcodeServerFailure, six: hosts("2001:db8::4")} })
	r.becomes("198.51.100.5:7690", "[2001:db8::4]:7690")
}

// An answer too large for UDP comes over TCP, whole.
func TestDNSTruncated(t *testing.T) {
	var z zone
	for _, p := range many(1000, 10, 0) {
		z.four = append(z.four, p.Addr())
	}
	s := newDNSServer(t, z)
	r := begin(t, dnsConfig(), s.resolver)
	r.becomes(texts(many(1000, 10, 0))...)
	if _, _, overTCP := s.questions(); overTCP == 0 {
		t.Error("no question over TCP")
	}
}

func TestDNSRefusesTooMany(t *testing.T) {
	s := newDNSServer(t, zone{four: hosts("198.51.100.2")})
	r := begin(t, dnsConfig(), s.resolver)
	r.becomes("198.51.100.2:7690")
	s.change(func(z *zone) {
		for i := range 2050 {
			z.four = append(z.four, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
			z.six = append(z.six, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(i >> 8), 15: byte(i)}))
		}
	})
	r.logs(1, "more than 4096")
	r.stays("198.51.100.2:7690")
}

// A server that is not there yet: other peers need not wait for it, nobody is
// warned of an empty set too early, and it is asked until it answers.
func TestDNSComesLater(t *testing.T) {
	s := newDNSServer(t, zone{silent: true})
	c := dnsConfig()
	c.Static = staticOf("198.51.100.9:7690")
	r := begin(t, c, s.resolver)
	r.becomes("198.51.100.9:7690")
	r.unresolvedIs(DNSName, 1)
	r.unresolvedIs(Static, 0)
	c.Static = nil
	r.SetConfig(c)
	r.becomes()
	r.logs(0, "no peers")
	// The first question is lost; only its end, by the time that a look-up may
	// take, brings the next.
	c.DNS.Refresh = 20 * time.Millisecond
	s.change(func(z *zone) { z.rcode4, z.rcode6, z.silent = dns.RcodeServerFailure, dns.RcodeServerFailure, false })
	r.SetConfig(c)
	r.logs(1, "no peers")
	s.change(func(z *zone) { *z = zone{four: hosts("198.51.100.2")} })
	r.becomes("198.51.100.2:7690")
	r.unresolvedIs(DNSName, 0)
	r.logs(1, "there are peers")
}

// The wait doubles from a second to the refresh while DNS fails, and is the
// refresh else, always within a tenth.
func TestDNSPace(t *testing.T) {
	n := newName(Config{DNS: DNS{Refresh: 30 * time.Second}}, usual, nil, slog.New(slog.DiscardHandler))
	for failures, want := range map[int]time.Duration{
		0: 30 * time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second,
		5: 16 * time.Second, 6: 30 * time.Second, 7: 30 * time.Second, 1000: 30 * time.Second,
	} {
		n.failures = failures
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 1000 {
			d := n.wait()
			least, most = min(least, d), max(most, d)
		}
		if least < want*9/10 || most > want*11/10 || most-least < want/10 {
			t.Errorf("after %d failures: %v to %v, want %v and a tenth", failures, least, most, want)
		}
	}
}

// By default the host's own configuration is asked, here that of the test's
// mount namespace. What stands in the hosts file has often one family only.
func TestDNSByTheHostsConfiguration(t *testing.T) {
	labtest.Require(t)
	dnsServerAt(t, "127.0.0.53:53", zone{four: hosts("198.51.100.2")})
	cover(t, "/etc/resolv.conf", "nameserver 127.0.0.53\n")
	cover(t, "/etc/hosts", "198.51.100.3 four.example.org\n2001:db8::3 six.example.org\n")
	for name, want := range map[string]string{
		strings.TrimSuffix(peersName, "."): "198.51.100.2:7690",
		"four.example.org":                 "198.51.100.3:7690",
		"six.example.org":                  "[2001:db8::3]:7690",
	} {
		c := dnsConfig()
		c.DNS.Name = name
		r := begin(t, c)
		r.becomes(want)
		r.logs(len(r.log.with("not resolved")), "resolved again") // the resolver may know the old files for some seconds
	}
}

// cover puts a file over one of the host's, for this process and this test.
func cover(t *testing.T, path, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(path))
	write(t, file, text)
	must(t, os.Chmod(file, 0o644))
	must(t, unix.Mount(file, path, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(path, unix.MNT_DETACH)) })
}
