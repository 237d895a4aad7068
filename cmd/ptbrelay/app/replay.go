package app

import (
	"bufio"
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/control"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/transport"
)

func replayCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "replay FILE",
		Short: "Show what would have become of each packet of a capture file",
		Long: `Judge the packets of a pcap or pcapng, plain or gzip, as ` + "`ptbrelay run`" + ` would have
judged them when they were captured: by their own clock, with the policy and the
limits of the configuration. Nothing is sent. FILE - is stdin.

Each packet is a line: its number in the file, the seconds since the first one, its
verdict, its outcome if it is eligible, the MTU that it reports, the flow that it
quotes, the router that sent it, and the reason. The totals come last. Outcome
relayed says that it would have been given to the peers; with relay.dry_run it is
dry-run.

Nothing of this host enters. Without vips every destination counts as ours, and
without policy.mtu.max an MTU must be below 1500. Capture whole packets, for what is
cut off is truncated:

  tcpdump -s 0 -i eth0 -w ptb.pcap 'icmp[0] = 3 and icmp[1] = 4 or icmp6[0] = 2'

With --format json each packet is an object on a line of its own: packet, time,
family, verdict, outcome, router, vip, vip_port, client, client_port, protocol,
mtu, reason; what is not known is left out. The last line is {"totals": {packets,
skipped, duration_seconds, received, verdicts, outcomes, ended}}: counts by family,
zeros left out; skipped are frames that carry no IP; ended says why there are not
all packets.

A file that is broken or cut off is replayed up to there, and exits 1.`,
		Example: `  ptbrelay replay ptb.pcap
  ptbrelay replay ptb.pcap --format json | jq 'select(.outcome == "limited-client")'
  ptbrelay replay ptb.pcap --config strict.yaml
  ptbrelay replay - < ptb.pcap.gz`,
		Args: cobra.ExactArgs(1),
	}
	f := formatFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := o.readConfig()
		if err != nil {
			return err
		}
		out := bufio.NewWriter(c.OutOrStdout())
		file, err := openCapture(c.Context(), args[0], c.InOrStdin(), out.Flush)
		if err != nil {
			return err
		}
		defer file.Close()
		return newReplay(file, cfg, out, f).run(c.Context())
	}
	return c
}

// replay is the pipeline over a file: what `ptbrelay run` does, but for the source
// and the transport.
type replay struct {
	file    *capture.File
	relay   *relay.Relay
	clock   replayClock
	reasons replayReasons
	out     *bufio.Writer
	format  *format

	number uint64    // of the packet at hand, in the file
	time   time.Time // when it was captured
	err    error     // of writing
}

func newReplay(file *capture.File, cfg config.Config, out *bufio.Writer, f *format) *replay {
	settings := situation{cfg: cfg, host: anywhere()}.relaySettings()
	r := &replay{file: file, reasons: newReplayReasons(settings.Policy), out: out, format: f}
	r.relay = relay.New(r, r, r, settings)
	r.clock.begun = r.relay.Epoch()
	return r
}

// anywhere is a host of which nothing is known: every address is its own, and its
// largest MTU that of Ethernet.
func anywhere() host.State {
	return host.State{
		Links: []host.Link{{MTU: 1500, Up: true}},
		Local: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	}
}

// run replays the file to its end, or as far as it goes, and shows the totals.
func (r *replay) run(ctx context.Context) error {
	if err := r.head(); err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	err := r.file.Run(reading, func(read time.Time, batch []capture.Packet) {
		r.handle(read, batch)
		if r.err != nil {
			stop()
		}
	})
	ended := cmp.Or(err, ctx.Err())
	if err := r.showTotals(ended); err != nil {
		return err // the first of writing: a bufio.Writer keeps it
	}
	return ended
}

func (r *replay) handle(read time.Time, batch []capture.Packet) {
	now := r.clock.at(read)
	r.time = read
	for i := range batch {
		r.number = r.file.Frame() + uint64(i)
		r.relay.Handle(now, batch[i:i+1]) // which calls Received once
	}
}

// Received implements relay.Watcher.
func (r *replay) Received(m *classify.Message, v classify.Verdict, o outcome.Outcome) {
	p := replayed{
		Packet: r.number,
		Event:  control.EventOf(r.time, m, v),
		Reason: r.reasons.of(r.clock.since, m, v, o),
		since:  r.time.Sub(r.clock.first),
		flow:   m.Flow,
	}
	if v == classify.Eligible {
		p.Outcome = o.String()
	}
	r.err = cmp.Or(r.err, r.format.print(r.out, p, p.text))
}

// Send implements relay.Transport: there are peers, and all goes well.
func (r *replay) Send(_ time.Time, batch []classify.Message, results []transport.Result) {
	for i := range batch {
		results[i] = transport.Sent
	}
}

// Observe implements relay.Observer: all that there is to say is in the lines.
func (r *replay) Observe(*classify.Message, classify.Verdict, [6]byte) {}

var (
	_ relay.Watcher   = (*replay)(nil)
	_ relay.Transport = (*replay)(nil)
	_ relay.Observer  = (*replay)(nil)
)
