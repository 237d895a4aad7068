package app

import (
	"fmt"

	"github.com/spf13/cobra"

	"ptbrelay/config"
	"ptbrelay/relay/rules"
)

func rulesCommand(o *options) *cobra.Command {
	parent := &cobra.Command{
		Use:   "rules",
		Short: "Print the firewall rules that log PTBs to ptbrelay",
		Long: `Print the firewall rules that log PTBs to ptbrelay, for those who load them
themselves and set rules.manage to false: else ptbrelay installs its own. They
follow vips, capture.group, rules.node_guard and audit.mss of the configuration.
They log and return: none drops, marks or accepts a packet.`,
		Example: `  ptbrelay rules nft
  ptbrelay rules iptables`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage(fmt.Errorf("say which: ptbrelay rules nft or ptbrelay rules iptables"))
		},
	}
	parent.AddCommand(rulesNFT(o), rulesIPTables(o))
	return parent
}

func rulesNFT(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "nft",
		Short: "Print the nftables table",
		Long: `Print the table that ptbrelay installs, as nft reads it. Loaded again it takes its
own place. Its comments say why each rule is there.`,
		Example: `  ptbrelay rules nft | nft -f -
  ptbrelay --config config.yaml rules nft > ptbrelay.nft`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return printRules(c, o, func(r rules.Config) (string, error) { return rules.NFTables(r), nil })
		},
	}
}

func rulesIPTables(o *options) *cobra.Command {
	var family string
	c := &cobra.Command{
		Use:   "iptables",
		Short: "Print the rules of iptables",
		Long: `Print what does the same as the nftables table, for one address family, as
iptables-restore or ip6tables-restore reads it: with --noflush, else all other rules
of the table raw are gone. What is loaded works once a rule of PREROUTING leads
there. The comments at its top have the commands, the others say why each rule is
there.`,
		Example: `  ptbrelay rules iptables | iptables-restore -w --noflush
  iptables -w -t raw -I PREROUTING -j ptbrelay   # once
  ptbrelay rules iptables --family 6 | ip6tables-restore -w --noflush
  ip6tables -w -t raw -I PREROUTING -j ptbrelay`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if family != "4" && family != "6" {
				return usage(fmt.Errorf("--family: %q is not known; one of 4, 6", family))
			}
			return printRules(c, o, func(r rules.Config) (string, error) { return rules.IPTables(r, family == "6") })
		},
	}
	c.Flags().StringVar(&family, "family", "4", "address `family`: 4 or 6")
	_ = c.RegisterFlagCompletionFunc("family", cobra.FixedCompletions([]cobra.Completion{"4", "6"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return c
}

// printRules prints the rules of the configuration in a language.
func printRules(c *cobra.Command, o *options, in func(rules.Config) (string, error)) error {
	cfg, err := o.loadConfig(nil)
	if err != nil {
		return err
	}
	text, err := in(rulesConfig(cfg))
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.OutOrStdout(), text)
	return err
}

func rulesConfig(c config.Config) rules.Config {
	return rules.Config{Group: c.Capture.Group, VIPs: c.VIPs, Guard: uint32(c.Rules.NodeGuard), MSS: c.Audit.MSS}
}
