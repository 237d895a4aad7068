package peers

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"ptbrelay/config"
)

// list reads peers as the daemon has it done.
func list(text string, port uint16) ([]netip.AddrPort, error) {
	return parseList(text, func(line string) (netip.AddrPort, error) {
		return ParsePeer(config.ParsePeer).with(port, line)
	})
}

// What is no list, and what peers.static refuses (package config has the whole of that).
func TestListRefuses(t *testing.T) {
	const form = " is neither address nor address:port; write it as 192.0.2.2, 192.0.2.2:7690, 2001:db8::2 or [2001:db8::2]:7690"
	for text, want := range map[string]string{
		"":                            "no address in it; write one a line, or name no file",
		"\n # 198.51.100.2\n\t\n":     "no address in it; write one a line, or name no file",
		"peers.example.org":           "line 1: peers.example.org" + form,
		"198.51.100.2\n198.51.100":    "line 2: 198.51.100" + form,
		"198.51.100.2:0":              "line 1: 198.51.100.2:0 has port 0; 1 to 65535, or the address alone for udp.port",
		"198.51.100.2,198.51.100.3":   "line 1: 198.51.100.2,198.51.100.3" + form,
		"\x00\x1b[2J":                 `line 1: "\x00\x1b[2J"` + form,
		"\n\nfe80::2%eth0":            "line 3: fe80::2%eth0 has a zone; members talk over routed addresses, write one of those",
		strings.Repeat("x", 100):      `line 1: "` + strings.Repeat("x", 64) + `"...` + form,
		strings.Repeat("#", 1<<20+1):  "larger than 1048576 bytes; this is no list of peers",
		strings.Repeat("::1\n", 4097): "line 4097: more than 4096 peers; leave some out",
	} {
		if got, err := list(text, 7690); err == nil || err.Error() != want || got != nil {
			t.Errorf("%.80q: %v, %v; want %s", text, got, err, want)
		}
	}
	if got, err := list(strings.Repeat("::1\n", 4096), 7690); err != nil || len(got) != 4096 {
		t.Errorf("at the limit: %d, %v", len(got), err)
	}
}

// A file is not read beyond its limit, however large it is.
func TestLargeFileIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers")
	write(t, path, strings.Repeat("#", 1<<20)+"\n198.51.100.2")
	if got, err := newFile(fileConfig(path), quick, slog.New(slog.DiscardHandler)).list(); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v, %v", got, err)
	}
}

// FuzzList holds for any text: a list of what can be sent to, which is the same
// when it is written and read again, or an error that a log can show.
func FuzzList(f *testing.F) {
	for _, seed := range []string{
		"# peers of rack 1\n198.51.100.2\n198.51.100.3:7691 # moved\r\n\n2001:db8::2\n[2001:db8::3]:7690\n",
		"198.51.100.2", "127.0.0.1:1\n::1", "169.254.1.1:65535", "fe80::1%eth0", "::ffff:198.51.100.2", "[::ffff:198.51.100.2]:1",
		"\ufeff198.51.100.2", "198.51.100.2:07690", "198.51.100.02", "[fe80::1%25eth0]:7690", "0x7f.1", "1.2.3.4:+1", "#\n\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := list(text, 7690)
		if err != nil {
			message := err.Error()
			if found != nil || len(message) > 1000 || strings.ContainsFunc(message, unicode.IsControl) {
				t.Errorf("%v, %q", found, message)
			}
			return
		}
		if len(found) == 0 || len(found) > maxPeers {
			t.Errorf("%d peers", len(found))
		}
		for _, p := range found {
			if a := p.Addr(); p.Port() == 0 || !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
				t.Errorf("peer %v", p)
			}
		}
		again, err := list(strings.Join(texts(found), "\n"), 1)
		if err != nil || !slices.Equal(found, again) {
			t.Errorf("%v, again %v, %v", found, again, err)
		}
	})
}

func TestParseGivesThePort(t *testing.T) {
	for text, want := range map[string]string{
		"198.51.100.2":       "198.51.100.2:7690",
		"198.51.100.2:1":     "198.51.100.2:1",
		"2001:db8::2":        "[2001:db8::2]:7690",
		"[2001:db8::2]:7691": "[2001:db8::2]:7691",
		"127.0.0.1":          "127.0.0.1:7690",
	} {
		if got, err := ParsePeer(config.ParsePeer).with(7690, text); err != nil || got != netip.MustParseAddrPort(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
