package logs

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/relay/control"
	"ptbrelay/relay/outcome"
)

// While the level is debug, and only then, it is told what was refused and why; the
// level may change at any time.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _, out := limitedLog()
		level := newLevel(slog.LevelInfo)
		var hub control.Hub
		ctx, cancel := context.WithCancel(t.Context())
		go Refused(ctx, &hub, log, level)
		var decoder classify.Decoder
		m, _ := decoder.Decode(classifytest.PTB{MTU: 300}.Bytes())
		peer := netip.MustParseAddr("198.51.100.2")
		told := func() []string {
			synctest.Wait()
			hub.Received(m, classify.MTUTooSmall, 0)
			hub.Received(m, classify.Eligible, outcome.Deferred)
			hub.Received(m, classify.Eligible, outcome.Relayed)
			hub.Delivered(peer, m, classify.Eligible, outcome.NotLocal)
			hub.Delivered(peer, m, classify.Eligible, outcome.Injected)
			synctest.Wait()
			return out.take()
		}
		if got := told(); len(got) > 0 {
			t.Errorf("at info: %s", got)
		}
		level.Set(slog.LevelDebug)
		const of = " protocol=tcp vip=192.0.2.1 vip_port=443 client=203.0.113.9 client_port=50000 mtu=300 router=198.51.100.1\n"
		want := []string{
			`level=DEBUG msg="not relayed" from=wire family=ipv4 verdict=mtu-too-small` + of,
			`level=DEBUG msg="not relayed" from=wire family=ipv4 verdict=eligible outcome=deferred` + of,
			`level=DEBUG msg="not injected" from=198.51.100.2 family=ipv4 verdict=eligible delivery=not-local` + of,
		}
		if got := told(); !slices.Equal(got, want) {
			t.Errorf("at debug:\n%s\nwant\n%s", got, want)
		}
		level.Set(slog.LevelWarn)
		if got := told(); len(got) > 0 {
			t.Errorf("at warn: %s", got)
		}
		level.Set(slog.LevelDebug)
		if got := told(); len(got) != len(want) {
			t.Errorf("at debug again: %s", got)
		}
		cancel()
		if got := told(); len(got) > 0 {
			t.Errorf("after the end: %s", got)
		}
	})
}
