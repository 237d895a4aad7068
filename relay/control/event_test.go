package control

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ptbrelay/classify"
)

// Scripts read these lines: names, order and forms stay.
func TestEventJSON(t *testing.T) {
	now := time.Date(2026, 1, 31, 13, 0, 0, 1999, time.FixedZone("", 3600))
	vip6, client6 := netip.MustParseAddr("2001:db8:ffff::1"), netip.MustParseAddr("2001:db8:1::9")
	for _, c := range []struct {
		name     string
		sighting sighting
		skipped  uint64
		want     string
	}{
		{
			"from the wire",
			sighting{message: message("203.0.113.9"), verdict: classify.Eligible, outcome: "relayed"}, 17,
			`{"time":"2026-01-31T12:00:00.000001Z","from":"wire","family":"ipv4","verdict":"eligible","outcome":"relayed",` +
				`"router":"198.51.100.1","vip":"192.0.2.1","vip_port":443,"client":"203.0.113.9","client_port":50000,` +
				`"protocol":"tcp","mtu":1400,"skipped":17}`,
		},
		{
			"from a peer",
			sighting{
				peer: netip.MustParseAddr("::ffff:192.0.2.11"),
				message: &classify.Message{
					Family: classify.IPv6, Router: netip.MustParseAddr("2001:db8::1"), VIP: vip6, MTU: 1280,
					Flow: classify.MakeFlow(classify.UDP, netip.AddrPortFrom(vip6, 53), netip.AddrPortFrom(client6, 4000)),
				},
				verdict: classify.Eligible, delivery: "not-owned",
			}, 0,
			`{"time":"2026-01-31T12:00:00.000001Z","from":"192.0.2.11","family":"ipv6","verdict":"eligible","delivery":"not-owned",` +
				`"router":"2001:db8::1","vip":"2001:db8:ffff::1","vip_port":53,"client":"2001:db8:1::9","client_port":4000,` +
				`"protocol":"udp","mtu":1280}`,
		},
		{
			"refused before the quote",
			sighting{message: &classify.Message{Family: classify.IPv4, Router: netip.MustParseAddr("198.51.100.1"), VIP: netip.MustParseAddr("192.0.2.1")}, verdict: classify.BadChecksum}, 0,
			`{"time":"2026-01-31T12:00:00.000001Z","from":"wire","family":"ipv4","verdict":"bad-checksum","router":"198.51.100.1","vip":"192.0.2.1"}`,
		},
		{
			"not IP",
			sighting{message: &classify.Message{}, verdict: classify.NotIP}, 0,
			`{"time":"2026-01-31T12:00:00.000001Z","from":"wire","family":"unknown","verdict":"not-ip"}`,
		},
	} {
		e := c.sighting.event(now)
		e.Skipped = c.skipped
		got, err := json.Marshal(e)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s, want\n%s", c.name, err, got, c.want)
		}
		var back Event
		if err := json.Unmarshal(got, &back); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		compare := []cmp.Option{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateApproxTime(time.Microsecond)}
		if d := cmp.Diff(e, back, compare...); d != "" {
			t.Errorf("%s: read back\n%s", c.name, d)
		}
	}
}

func TestSkippedJSON(t *testing.T) {
	got, err := json.Marshal(Event{Time: Time{time.Unix(0, 0)}, Skipped: 3})
	if want := `{"time":"1970-01-01T00:00:00.000000Z","skipped":3}`; err != nil || string(got) != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}
