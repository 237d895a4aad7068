package app

import (
	"fmt"

	"github.com/spf13/cobra"

	"ptbrelay/relay/transport"
)

func genkeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "genkey",
		Short: "Print a new key for the transport udp",
		Long: `Print a new random key, 32 bytes in base64, for udp.key_file. All servers of the
group hold the same; the file must be readable by the daemon's user alone.

To rotate without losing a message, and on all servers before the next step: add
the new key as the last line, and reload; move it to the first line, and reload;
remove the old one, and reload. The first key of a file seals, all open. To reload is
` + "`systemctl reload ptbrelay`" + `; where systemd hands the key over (LoadCredential) it
is a restart, for it copies the file only when the unit starts.`,
		Example: `  ptbrelay genkey | install -o ptbrelay -g ptbrelay -m 600 /dev/stdin /etc/ptbrelay/key
  ptbrelay genkey >> /etc/ptbrelay/key   # a second one, to rotate`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), transport.GenerateKey())
			return err
		},
	}
}
