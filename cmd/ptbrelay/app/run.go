package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ptbrelay/cmd/ptbrelay/app/logs"
	"ptbrelay/cmd/ptbrelay/app/settings"
	"ptbrelay/config"
)

func runCommand(o *options) *cobra.Command {
	f := new(runFlags)
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: `Capture inbound PTBs and give each that is believable and new to the other
servers of the group: as broadcast frames on their common segment, or sealed over
UDP to peers across routers. Needs CAP_NET_ADMIN and CAP_NET_RAW. The
configuration is read again when its file changes, and with the keys on SIGHUP.
Flags replace what it says.`,
		Example: `  ptbrelay run --interface eth0
  ptbrelay run --interface eth0 --interface eth1 --vip 192.0.2.0/24 --port 443
  ptbrelay run --interface eth0 --dry-run
  ptbrelay run --transport udp --peer 198.51.100.2 --peer 198.51.100.3 --key-file /etc/ptbrelay/key`,
		Args: cobra.NoArgs,
	}
	f.register(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		load := func() (config.Config, error) {
			return o.loadConfig(func(cfg *config.Config) error { return f.override(c.Flags(), cfg) })
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		log := logs.Open(c.ErrOrStderr(), cfg.Log)
		d := &daemon{now: settings.Situation{Config: cfg}, load: load, file: o.read, log: log.Logger, level: log.Level}
		if err = d.run(c.Context()); errors.Is(err, context.Canceled) {
			err = nil
		}
		return lastWord(err, log.Close())
	}
	return c
}

// lastWord is the error that is left to say at the end: where nobody has read the log, none.
func lastWord(err error, read bool) error {
	if read || err == nil {
		return err
	}
	silent := exitError{code: exitFailure}
	if errors.As(err, &silent) {
		silent.err = nil
	}
	return silent
}

// runFlags replace keys of the configuration.
type runFlags struct {
	interfaces []string
	vips       []string
	ports      []string
	transport  string
	peers      []string
	keyFile    string
	dryRun     bool
	http       string
}

func (f *runFlags) register(s *pflag.FlagSet) {
	s.StringArrayVar(&f.interfaces, "interface", nil, "broadcast on the interface of this `name`; repeat for more (interfaces)")
	s.StringArrayVar(&f.vips, "vip", nil, "relay for this `address or prefix`; repeat for more (vips)")
	s.StringArrayVar(&f.ports, "port", nil, "relay for this server `port`; repeat for more (policy.ports)")
	s.StringVar(&f.transport, "transport", "", "the `way` to the peers: broadcast or udp (relay.transport)")
	s.StringArrayVar(&f.peers, "peer", nil, "`address[:port]` of a peer; repeat for more (peers.static)")
	s.StringVar(&f.keyFile, "key-file", "", "`file` of keys (udp.key_file)")
	s.BoolVar(&f.dryRun, "dry-run", false, "do everything but send and inject (relay.dry_run)")
	s.StringVar(&f.http, "http", "", "`address` of metrics, health and status page; empty is off (http.listen)")
}

// override puts the flags that were given into the configuration.
func (f *runFlags) override(given *pflag.FlagSet, c *config.Config) error {
	var problems []error
	set := map[string]func(){
		"interface": func() { c.Interfaces = f.interfaces },
		"vip": func() {
			c.VIPs = nil
			for _, text := range f.vips {
				p, err := config.ParseVIP(text)
				if err != nil {
					problems = append(problems, fmt.Errorf("--vip %s: %w", text, err))
				}
				c.VIPs = append(c.VIPs, p)
			}
		},
		"port": func() {
			c.Policy.Ports = nil
			for _, text := range f.ports {
				p, err := strconv.ParseUint(text, 10, 16)
				if err != nil || p == 0 {
					problems = append(problems, fmt.Errorf("--port %s: not a port, 1 to 65535", text))
				}
				c.Policy.Ports = append(c.Policy.Ports, uint16(p))
			}
		},
		"transport": func() { c.Relay.Transport = config.Transport(f.transport) },
		"peer": func() {
			c.Peers.Static = nil
			for _, text := range f.peers {
				p, err := config.ParsePeer(text)
				if err != nil {
					problems = append(problems, fmt.Errorf("--peer %s: %w", text, err))
				}
				c.Peers.Static = append(c.Peers.Static, p)
			}
		},
		"key-file": func() { c.UDP.KeyFile = f.keyFile },
		"dry-run":  func() { c.Relay.DryRun = f.dryRun },
		"http":     func() { c.HTTP.Listen = f.http },
	}
	given.Visit(func(flag *pflag.Flag) {
		if put, ok := set[flag.Name]; ok {
			put()
		}
	})
	return errors.Join(problems...)
}
