package logs

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"

	"ptbrelay/relay/control"
)

// Refused writes a sample of the messages that were not relayed and of the copies
// that were not injected while the level is debug, until the context ends.
func Refused(ctx context.Context, hub *control.Hub, log *slog.Logger, level *Level) {
	for ctx.Err() == nil {
		period, end := context.WithCancel(ctx)
		var watching sync.WaitGroup
		if level.Level() <= slog.LevelDebug {
			watching.Go(func() {
				hub.Refused(period, func(e control.Event) { log.LogAttrs(period, slog.LevelDebug, refusal(e), eventAttrs(e)...) })
			})
		}
		select {
		case <-ctx.Done():
		case <-level.changed:
		}
		end()
		watching.Wait()
	}
}

func refusal(e control.Event) string {
	if e.From == control.Wire {
		return "not relayed"
	}
	return "not injected"
}

// eventAttrs are what an event says, by the keys of `watch --format json`; absent is
// what it does not know.
func eventAttrs(e control.Event) (attrs []slog.Attr) {
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	number := func(key string, value uint64) {
		if value > 0 {
			attrs = append(attrs, slog.Uint64(key, value))
		}
	}
	address := func(key string, value netip.Addr) {
		if value.IsValid() {
			attrs = append(attrs, slog.String(key, value.String()))
		}
	}
	text("from", e.From)
	text("family", e.Family)
	text("verdict", e.Verdict)
	text("outcome", e.Outcome)
	text("delivery", e.Delivery)
	text("protocol", e.Protocol)
	address("vip", e.VIP)
	number("vip_port", uint64(e.VIPPort))
	address("client", e.Client)
	number("client_port", uint64(e.ClientPort))
	number("mtu", uint64(e.MTU))
	address("router", e.Router)
	number("skipped", e.Skipped)
	return attrs
}
