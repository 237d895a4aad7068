package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ptbrelay/audit/host"
	"ptbrelay/config"
)

func runCommand(o *options) *cobra.Command {
	f := new(runFlags)
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: `Capture inbound PTBs and give each that is believable and new to the other
servers of the group. Needs CAP_NET_ADMIN and CAP_NET_RAW. SIGHUP reads the
configuration again. Flags replace what the configuration says.`,
		Example: `  ptbrelay run --interface eth0
  ptbrelay run --interface eth0 --interface eth1 --vip 192.0.2.0/24 --port 443
  ptbrelay run --interface eth0 --dry-run --log-level debug`,
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
		if err := checkInterfaces(cfg.Interfaces); err != nil {
			return err
		}
		log, level := newLogger(c.ErrOrStderr(), cfg.Log)
		d := &daemon{cfg: cfg, load: load, log: log, level: level}
		if err := d.run(c.Context()); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	return c
}

// runFlags replace keys of the configuration.
type runFlags struct {
	interfaces []string
	vips       []string
	ports      []uint
	transport  string
	peers      []string
	keyFile    string
	dryRun     bool
	http       string
}

func (f *runFlags) register(s *pflag.FlagSet) {
	s.StringArrayVar(&f.interfaces, "interface", nil, "broadcast on this interface; repeat for more (interfaces)")
	s.StringArrayVar(&f.vips, "vip", nil, "relay for this `address or prefix`; repeat for more (vips)")
	s.UintSliceVar(&f.ports, "port", nil, "relay for this server port; repeat for more (policy.ports)")
	s.StringVar(&f.transport, "transport", "", "broadcast or udp (relay.transport)")
	s.StringArrayVar(&f.peers, "peer", nil, "`address[:port]` of a peer; repeat for more (peers.static)")
	s.StringVar(&f.keyFile, "key-file", "", "`file` of keys (udp.key_file)")
	s.BoolVar(&f.dryRun, "dry-run", false, "do everything but send (relay.dry_run)")
	s.StringVar(&f.http, "http", "", "`address` of /metrics, /healthz and /readyz; empty is off (http.listen)")
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
			for _, p := range f.ports {
				if p == 0 || p > 65535 {
					problems = append(problems, fmt.Errorf("--port %d: not a port, 1 to 65535", p))
				}
				c.Policy.Ports = append(c.Policy.Ports, uint16(p))
			}
		},
		"transport": func() { c.Relay.Transport = config.Transport(f.transport) },
		"peer":      func() { c.Peers.Static = f.peers },
		"key-file":  func() { c.UDP.KeyFile = f.keyFile },
		"dry-run":   func() { c.Relay.DryRun = f.dryRun },
		"http":      func() { c.HTTP.Listen = f.http },
	}
	given.Visit(func(flag *pflag.Flag) {
		if put, ok := set[flag.Name]; ok {
			put()
		}
	})
	return errors.Join(problems...)
}

// checkInterfaces refuses to guess where to broadcast: the default interface of
// an edge may be an exchange's network.
func checkInterfaces(names []string) error {
	state, err := host.Read()
	if err != nil {
		return err
	}
	candidates := describeCandidates(state)
	if len(names) == 0 {
		return usage(fmt.Errorf("no interface to broadcast on: name the one that leads to the other servers, "+
			"with --interface or the key interfaces; candidates here: %s", candidates))
	}
	for _, name := range names {
		link, ok := state.Link(name)
		if !ok {
			return usage(fmt.Errorf("interface %s: there is none of that name; candidates here: %s", name, candidates))
		}
		if !link.Ethernet {
			return usage(fmt.Errorf("interface %s: not Ethernet, it cannot broadcast; candidates here: %s", name, candidates))
		}
	}
	return nil
}

func describeCandidates(s host.State) string {
	var names []string
	for _, l := range s.Links {
		if l.Up && l.Ethernet && !l.Loopback {
			names = append(names, fmt.Sprintf("%s (MTU %d)", l.Name, l.MTU))
		}
	}
	if len(names) == 0 {
		return "none is up"
	}
	return strings.Join(names, ", ")
}

// underSystemd reports whether the journal takes our stderr and stamps it.
func underSystemd() bool { return os.Getenv("JOURNAL_STREAM") != "" }
