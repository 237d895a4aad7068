package app

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/relay/capture"
)

// What is paused twice was so the second time, and nothing is said of that.
func TestSetPaused(t *testing.T) {
	d := commanded{testDaemon()}
	var log bytes.Buffer
	d.log = slog.New(slog.NewTextHandler(&log, nil))
	for _, c := range []struct {
		ask             func() bool
		changed, paused bool
		said            string
	}{
		{d.Resume, false, false, ""},
		{d.Pause, true, true, "paused: nothing is sent"},
		{d.Pause, false, true, ""},
		{d.Resume, true, false, "msg=resumed"},
	} {
		log.Reset()
		if changed := c.ask(); changed != c.changed || d.relay.Settings().Paused != c.paused || d.Snapshot().Paused != c.paused {
			t.Errorf("changed %v, want %v; paused %v, want %v", changed, c.changed, d.relay.Settings().Paused, c.paused)
		}
		if !strings.Contains(log.String(), c.said) || (log.Len() > 0) != (c.said != "") {
			t.Errorf("it says %q, want %q", log.String(), c.said)
		}
	}
}

// A dry run is summed up by what came since it was last, and nothing else is.
func TestSummary(t *testing.T) {
	d := testDaemon()
	var log bytes.Buffer
	d.log = slog.New(slog.NewTextHandler(&log, nil))
	s := summary{daemon: d}
	says := func(want string) {
		t.Helper()
		log.Reset()
		if s.say(); !strings.Contains(log.String(), want) || (log.Len() > 0) != (want != "") {
			t.Errorf("it says %q, want %q", log.String(), want)
		}
	}
	take := func() {
		for _, p := range [][]byte{classifytest.PTB{}.Bytes(), classifytest.PTB{}.Bytes(), {}} {
			d.relay.Handle(time.Now(), []capture.Packet{{Data: p}})
		}
	}
	take()
	says("")
	d.now.Config.Relay.DryRun, d.now.Config.Policy.MTU.Max = true, 1500
	d.now.Config.VIPs = []netip.Prefix{netip.PrefixFrom(classifytest.VIP4, 32)}
	d.follow()
	take()
	says(`msg="dry run" received=3 eligible=2 would_relay=1 duplicate=1`)
	says("received=0 eligible=0 would_relay=0 duplicate=0")
}
