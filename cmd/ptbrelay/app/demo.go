package app

import (
	"fmt"

	"github.com/spf13/cobra"

	"ptbrelay/cmd/ptbrelay/app/demo"
	"ptbrelay/config"
	"ptbrelay/integration/lab"
)

func demoCommand() *cobra.Command {
	var o lab.Options
	var transport config.Transport
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show the black hole and its end, in network namespaces of its own",
		Long: `Build a small network in namespaces of its own: a client behind a link with a
small MTU, an ECMP router, and servers that all hold the same VIP: with transport
broadcast on one Ethernet segment, with udp each on a routed link of its own.
Start the same downloads twice, first without ptbrelay, then with it on every
server.

Nothing outside the namespaces is touched. Needs no root where the kernel allows
user namespaces. Exits 1 if ptbrelay did not heal what stalled.`,
		Example: `  ptbrelay demo
  ptbrelay demo --transport udp
  ptbrelay demo --servers 8 --clients 100`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkDemo(o, transport); err != nil {
				return usage(err)
			}
			if transport == config.TransportUDP {
				o.Shape = lab.ShapeRouted
			}
			code, inside, err := lab.Enter(c.Context())
			if err != nil {
				return err
			}
			if !inside {
				if code != exitOK {
					return exitError{code: code}
				}
				return nil
			}
			return demo.Run(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().IntVar(&o.Servers, "servers", 3, "servers that hold the VIPs, 2 to 64")
	c.Flags().IntVar(&o.Clients, "clients", 32, "downloads of each IP version, 8 to 250")
	c.Flags().StringVar((*string)(&transport), "transport", string(config.TransportBroadcast), "the `way` to the peers: broadcast or udp")
	return c
}

func checkDemo(o lab.Options, transport config.Transport) error {
	if transport != config.TransportBroadcast && transport != config.TransportUDP {
		return fmt.Errorf("--transport %s: broadcast or udp", transport)
	}
	if o.Servers < 2 || o.Servers > 64 {
		return fmt.Errorf("--servers %d: 2 to 64", o.Servers)
	}
	if o.Clients < 8 || o.Clients > 250 {
		return fmt.Errorf("--clients %d: 8 to 250", o.Clients)
	}
	return nil
}
