package app

import (
	"bufio"

	"github.com/spf13/cobra"

	"ptbrelay/cmd/ptbrelay/app/output"
	"ptbrelay/cmd/ptbrelay/app/replay"
	"ptbrelay/cmd/ptbrelay/app/settings"
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
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: oneFile,
	}
	f := output.Flag(c)
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
		return replay.New(file, settings.Anywhere(cfg).Relay(), out, f).Run(c.Context())
	}
	return c
}
