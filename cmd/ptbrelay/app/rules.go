package app

import (
	"fmt"

	"github.com/spf13/cobra"

	"ptbrelay/config"
	"ptbrelay/relay/rules"
)

func rulesCommand(o *options) *cobra.Command {
	parent := &cobra.Command{
		Use:     "rules",
		Short:   "Print the firewall rules that log PTBs to ptbrelay",
		Example: "  ptbrelay rules nft",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage(fmt.Errorf("say which: ptbrelay rules nft"))
		},
	}
	parent.AddCommand(&cobra.Command{
		Use:   "nft",
		Short: "Print the nftables table",
		Long: `Print the table that ptbrelay installs, as nft reads it. Load it yourself where
rules.manage is false; the chain logs and returns, it never drops, marks or
accepts.`,
		Example: `  ptbrelay rules nft | nft -f -
  ptbrelay --config config.yaml rules nft > ptbrelay.nft`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := o.loadConfig(nil)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), rules.Text(rulesConfig(cfg)))
			return err
		},
	})
	return parent
}

func rulesConfig(c config.Config) rules.Config {
	return rules.Config{Group: c.Capture.Group, VIPs: c.VIPs, Guard: uint32(c.Rules.NodeGuard), MSS: c.Audit.MSS}
}
