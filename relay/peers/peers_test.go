package peers

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ptbrelay/config"
)

func isOneOf(own ...string) func(netip.Addr) bool {
	list := hosts(own...)
	return func(a netip.Addr) bool { return slices.Contains(list, a) }
}

// Every source adds to one set, each address once, and List says who gave it.
func TestSourcesAreMerged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	write(t, path, "198.51.100.2\n198.51.100.3\n198.51.100.2\n")
	s := newDNSServer(t, zone{four: hosts("198.51.100.2", "198.51.100.4")})
	c := dnsConfig()
	c.File = path
	c.Static = staticOf("[2001:db8::2]:7000", "198.51.100.2:7690", "198.51.100.2:7000")
	r := begin(t, c, s.resolver)
	r.becomes("198.51.100.2:7000", "198.51.100.2:7690", "198.51.100.3:7690", "198.51.100.4:7690", "[2001:db8::2]:7000")
	want := []Peer{
		{netip.MustParseAddrPort("198.51.100.2:7000"), []string{"static"}},
		{netip.MustParseAddrPort("198.51.100.2:7690"), []string{"static", "file", "dns"}},
		{netip.MustParseAddrPort("198.51.100.3:7690"), []string{"file"}},
		{netip.MustParseAddrPort("198.51.100.4:7690"), []string{"dns"}},
		{netip.MustParseAddrPort("[2001:db8::2]:7000"), []string{"static"}},
	}
	if d := cmp.Diff(want, r.List(), cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]int{"static": 0, "file": 0, "dns": 0}, r.Unresolved()); d != "" {
		t.Error(d)
	}
	r.logs(5, "peer added")
	r.logs(1, `msg="peer added" peer=198.51.100.4:7690 source=dns`)
}

// Own is what SetOwn says, nothing else: not even loopback addresses.
func TestOwnAddressesAreLeftOut(t *testing.T) {
	c := Config{Static: staticOf("127.0.0.1:7690", "198.51.100.2:7690", "198.51.100.2:7691", "198.51.100.3:7690")}
	r := begin(t, c, func(p *Peers) { p.SetOwn(isOneOf("198.51.100.2")) })
	r.becomes("127.0.0.1:7690", "198.51.100.3:7690")
	r.SetOwn(isOneOf("198.51.100.3", "127.0.0.1"))
	r.becomes("198.51.100.2:7690", "198.51.100.2:7691")
	r.logs(1, `msg="peer removed" peer=127.0.0.1:7690 source=static`)
	r.SetOwn(isOneOf("127.0.0.1", "198.51.100.2", "198.51.100.3"))
	r.becomes()
	r.logs(1, "no peers")
	if n := r.Unresolved()[Static]; n != 0 {
		t.Errorf("%d unresolved: an own address was found all the same", n)
	}
}

// changed is called where the set differs, and not where only its sources do.
func TestOnlyChangesAreTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	write(t, path, "198.51.100.2:7690")
	r := begin(t, Config{Static: staticOf("198.51.100.2:7690"), Port: 7690})
	r.becomes("198.51.100.2:7690")
	r.SetConfig(Config{Static: staticOf("198.51.100.2:7690"), Port: 7690, File: path, Parse: config.ParsePeer})
	r.unresolvedIs(File, 0)
	r.SetConfig(fileConfig(path))
	r.SetOwn(isOneOf("198.51.100.9"))
	replace(t, path, "198.51.100.3:7690")
	r.becomes("198.51.100.3:7690")
	want := [][]string{{"198.51.100.2:7690"}, {"198.51.100.3:7690"}}
	var got [][]string
	for _, set := range r.told() {
		got = append(got, texts(set))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	r.logs(2, "peer added")
	r.logs(1, "peer removed")
}

// A source whose configuration changes keeps its peers until the new one has
// some; one that is no longer named gives them up at once.
func TestReload(t *testing.T) {
	folder := t.TempDir()
	one, two := filepath.Join(folder, "one"), filepath.Join(folder, "two")
	write(t, one, "198.51.100.2")
	r := begin(t, fileConfig(one))
	r.becomes("198.51.100.2:7690")
	r.SetConfig(fileConfig(two))
	r.unresolvedIs(File, 1)
	r.stays("198.51.100.2:7690")
	replace(t, two, "198.51.100.3")
	r.becomes("198.51.100.3:7690")
	r.unresolvedIs(File, 0)
	r.SetConfig(Config{Static: staticOf("198.51.100.4:7690")})
	r.becomes("198.51.100.4:7690")
	r.SetConfig(Config{Static: staticOf("198.51.100.5:7690")})
	r.becomes("198.51.100.5:7690")
	r.SetConfig(Config{})
	r.becomes()
	if n := len(r.Unresolved()); n != 0 {
		t.Errorf("%d sources without any being named", n)
	}
	r.logs(1, "no peers")
	replace(t, two, "198.51.100.6")
	r.SetConfig(Config{Static: staticOf("198.51.100.7:7690")})
	r.becomes("198.51.100.7:7690")
}

// Another source's change is no reason to ask DNS again.
func TestReloadDisturbsNobodyElse(t *testing.T) {
	s := newDNSServer(t, zone{four: hosts("198.51.100.2")})
	c := dnsConfig()
	c.DNS.Refresh = time.Hour
	r := begin(t, c, s.resolver)
	r.becomes("198.51.100.2:7690")
	c.Static = staticOf("198.51.100.3:7690")
	r.SetConfig(c)
	r.becomes("198.51.100.2:7690", "198.51.100.3:7690")
	c.DNS.Refresh = 2 * time.Hour
	s.change(func(z *zone) { z.four = hosts("198.51.100.4") })
	r.SetConfig(c)
	r.becomes("198.51.100.3:7690", "198.51.100.4:7690")
	if four, six, _ := s.questions(); four != 2 || six != 2 {
		t.Errorf("asked %d and %d times, want 2: at start and with another refresh", four, six)
	}
}

// A large group is one set and few lines.
func TestThousandPeers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	group := texts(many(1000, 10, 0))
	write(t, path, strings.Join(group, "\n"))
	r := begin(t, Config{File: path, Port: 1, Parse: config.ParsePeer})
	r.becomes(group...)
	if n := len(r.told()); n != 1 {
		t.Errorf("told %d sets", n)
	}
	r.logs(maxLogged, "peer added")
	r.logs(1, `msg="more peers changed" added=1000 removed=0 shown=20`)
	replace(t, path, strings.Join(group[1:], "\n"))
	r.becomes(group[1:]...)
	r.logs(1, "peer removed")
}

// Of too many the first by address are taken, which is the same choice on every
// server; that is one line.
func TestTooManyPeers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	write(t, path, strings.Join(texts(many(200, 10, 1)), "\n"))
	c := Config{File: path, Port: 1, Parse: config.ParsePeer, Static: many(4000, 10, 0)}
	want := slices.Concat(texts(many(4000, 10, 0)), texts(many(96, 10, 1)))
	r := begin(t, c)
	r.becomes(want...)
	r.logs(1, "too many peers")
	r.SetOwn(isOneOf("10.0.0.0"))
	r.becomes(append(want[1:], many(97, 10, 1)[96].String())...)
	r.logs(1, "too many peers")
	c.File = ""
	r.SetConfig(c)
	r.becomes(want[1:4000]...)
	r.logs(1, "not too many peers any more")
}

// Configuration, own addresses and readers may come from anywhere at once.
func TestManyCallers(t *testing.T) {
	s := newDNSServer(t, zone{four: hosts("198.51.100.2")})
	c := dnsConfig()
	r := begin(t, c, s.resolver)
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for j := range 50 {
				mine := c
				mine.Static = staticOf(fmt.Sprintf("198.51.100.%d:7690", 10+(i+j)%100))
				r.SetConfig(mine)
				r.SetOwn(isOneOf("198.51.100.9"))
				if n := len(r.List()); n > 2 {
					t.Errorf("%d peers of 2", n)
				}
				_ = r.Unresolved()
			}
		})
	}
	callers.Wait()
	c.Static = staticOf("198.51.100.3:7690", "198.51.100.9:7690")
	r.SetConfig(c)
	r.becomes("198.51.100.2:7690", "198.51.100.3:7690")
}
