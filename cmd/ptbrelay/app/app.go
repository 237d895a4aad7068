// Package app is the command line: one file a command, and the wiring of the
// daemon. What these are made of is in the folders below. It decides nothing about
// packets.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ptbrelay/cmd/ptbrelay/app/logs"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // a finding or a failure
	exitUsage   = 2
	// exitInterrupted is what shells report for SIGINT.
	exitInterrupted = 130
)

// Run runs one command and returns the process's exit code. The context ends
// when the process is asked to stop; SIGINT and SIGTERM end it as well.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM)
	defer stop()
	// A second signal ends the process, whatever keeps it: a command that waits for the
	// kernel or for a file does not hear of the first. Nothing of ours in the kernel
	// outlives the process.
	context.AfterFunc(ctx, stop)
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	exit := exitError{code: exitFailure, err: err}
	switch {
	case errors.As(err, &exit):
	case ctx.Err() != nil:
		exit = exitError{code: exitInterrupted, err: errors.New("interrupted")}
	}
	if exit.err != nil {
		complain(stderr, exit.err)
	}
	return exit.code
}

// complain says what is wrong, each thing on a line.
func complain(stderr io.Writer, err error) {
	begin := logs.Prefix(stderr, slog.LevelError)
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintf(stderr, "%sptbrelay: %s\n", begin, strings.TrimSpace(line))
	}
}

// exitError carries an exit code; without an error the command has said what
// there is to say.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// usage marks an error as one of how the command was called.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return exitError{code: exitUsage, err: err}
}

// failure marks an error as one of its own, though the command may have been
// interrupted before: what is to be said is this.
func failure(err error) error {
	if err == nil {
		return nil
	}
	return exitError{code: exitFailure, err: err}
}

// options are the global flags.
type options struct {
	config   string
	logLevel string

	read   string // the configuration file that was read; empty: none
	filled bool   // something was in it
}

func rootCommand() *cobra.Command {
	o := new(options)
	root := &cobra.Command{
		Use:   "ptbrelay",
		Short: "Give every server of an anycast or ECMP group the PTBs that concern its connections",
		Long: `ptbrelay runs beside the service on every server of an anycast or ECMP group.
ECMP hashes ICMP "fragmentation needed" and ICMPv6 "Packet Too Big" messages
(PTBs) to the wrong server; connections over paths with a smaller MTU then hang.
ptbrelay gives each server's PTBs to all the others, so that the one that holds
the connection learns the path MTU.`,
		Example: `  ptbrelay demo                     # see the problem and its cure, without root
  ptbrelay run --interface eth0     # the daemon, broadcasting on eth0
  ptbrelay run --transport udp --peer 198.51.100.2 --key-file key
  ptbrelay run --interface eth0 --dry-run`,
		SilenceUsage:       true,
		SilenceErrors:      true,
		DisableSuggestions: true, // those of cobra take lines of their own
		Version:            buildVersion(),
		Args:               cobra.NoArgs,
		// Without it cobra would not look at the arguments.
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().StringVarP(&o.config, "config", "c", "",
		"configuration `file` (default "+defaultConfig+" where that exists)")
	root.PersistentFlags().StringVar(&o.logLevel, "log-level", "",
		"write lines from this `level` on: debug, info, warn or error (log.level)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(runCommand(o), demoCommand(), rulesCommand(o), checkConfigCommand(o), genkeyCommand(), versionCommand(),
		auditCommand(o), doctorCommand(o),
		selftestCommand(o), watchCommand(o), pauseCommand(o), resumeCommand(o),
		replayCommand(o), manCommand())
	root.SuggestionsMinimumDistance = 2 // letters that are wrong
	addBuiltin(root)
	addCompletions(root)
	argErrorsAreUsage(root)
	return root
}

// argErrorsAreUsage gives complaints about arguments the exit code of usage, and names
// the command that was meant.
func argErrorsAreUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if err != nil && len(args) > 0 {
				if near := c.SuggestionsFor(args[0]); len(near) > 0 {
					err = fmt.Errorf("%w: did you mean %s?", err, strings.Join(near, " or "))
				}
			}
			return usage(err)
		}
	}
	for _, sub := range c.Commands() {
		argErrorsAreUsage(sub)
	}
}
