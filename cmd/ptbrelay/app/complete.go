package app

import (
	"net"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ptbrelay/config"
	"ptbrelay/relay/control"
)

// flagValues is what a shell offers behind a flag, wherever there is one of that name.
// What is not here takes words that nobody can guess.
var flagValues = map[string]cobra.CompletionFunc{
	"config":    files,
	"folder":    folders,
	"format":    oneOf(config.FormatText, config.FormatJSON),
	"interface": interfaceNames,
	"key-file":  files,
	"log-level": oneOf(config.LevelDebug, config.LevelInfo, config.LevelWarn, config.LevelError),
	"outcome":   oneOf(control.OutcomeNames()...),
	"output":    files,
	"pcap":      files,
	"transport": oneOf(config.TransportBroadcast, config.TransportUDP),
	"verdict":   oneOf(control.VerdictNames()...),
}

// addCompletions has shells offer what can follow commands and flags, and files only
// where files are meant.
func addCompletions(c *cobra.Command) {
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, has := c.GetFlagCompletionFunc(f.Name); has {
			return
		}
		values := flagValues[f.Name]
		if values == nil {
			values = cobra.NoFileCompletions
		}
		if err := c.RegisterFlagCompletionFunc(f.Name, values); err != nil {
			panic(err) // the flag is there, and has no such function yet
		}
	})
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range c.Commands() {
		addCompletions(sub)
	}
}

// oneFile is for commands with one argument, a file.
func oneFile(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return files(c, args, begun)
}

func files(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func folders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func oneOf[Word ~string](words ...Word) cobra.CompletionFunc {
	offered := make([]cobra.Completion, len(words))
	for i, w := range words {
		offered[i] = cobra.Completion(w)
	}
	return cobra.FixedCompletions(offered, cobra.ShellCompDirectiveNoFileComp)
}

func interfaceNames(*cobra.Command, []string, string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	links, _ := net.Interfaces() // where they cannot be read there is nothing to offer
	for _, l := range links {
		if l.Flags&net.FlagLoopback == 0 {
			names = append(names, l.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
