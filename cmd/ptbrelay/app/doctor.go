package app

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"ptbrelay/audit/check"
	"ptbrelay/audit/report"
	"ptbrelay/cmd/ptbrelay/app/output"
	"ptbrelay/cmd/ptbrelay/app/settings"
)

func doctorCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check this host for what breaks path MTU discovery",
		Long: `Look at routes, next hops, addresses, sysctls, firewall rules, BPF programs and
counters of this host, and at the configuration of ptbrelay, for what breaks path
MTU discovery. Each finding says what was read, why it matters, and the command
that mends it until the next boot. Nothing is changed, and the daemon need not run.

Severities are error, warning, info, unknown and ok. What could not be read is
unknown, never ok; as root all can be. Exits 1 if a finding is an error.

With --format json it is {"findings": [{id, severity, subject, read, why, mend}]}.`,
		Example: `  ptbrelay doctor
  ptbrelay doctor --format json | jq '.findings[] | select(.severity == "error")'
  ptbrelay doctor -c /etc/ptbrelay/canary.yaml`,
		Args: cobra.NoArgs,
	}
	f := output.Flag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := o.readConfig()
		if err != nil {
			return err
		}
		facts := check.Read(settings.Expectation(cfg))
		answer := struct {
			Findings []check.Finding `json:"findings"`
		}{check.Examine(&facts)}
		text := func(w io.Writer) error { return report.Findings(w, answer.Findings) }
		if err := f.Print(c.OutOrStdout(), answer, text); err != nil {
			return err
		}
		if slices.ContainsFunc(answer.Findings, isError) {
			return exitError{code: exitFailure}
		}
		return nil
	}
	return c
}

func isError(f check.Finding) bool { return f.Severity == check.Error }
