package app

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func manCommand() *cobra.Command {
	var folder string
	c := &cobra.Command{
		Use:   "man [COMMAND...]",
		Short: "Print a manual page",
		Long: `Print the manual page of a command, or of ptbrelay as a whole, as man reads it.
SOURCE_DATE_EPOCH dates it (seconds since 1970), else the day it is printed.`,
		Example: `  ptbrelay man run | man -l -
  ptbrelay man --folder /usr/local/share/man/man1   # all of them`,
		Args:              knownCommand,
		ValidArgsFunction: nextCommands,
		RunE: func(c *cobra.Command, args []string) error {
			if folder != "" {
				return manTree(c.Root(), folder, args)
			}
			about, _, err := c.Root().Find(args)
			if err != nil {
				return err
			}
			return manPage(about, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&folder, "folder", "", "write a page for each command into this `folder`, which is made where it is not there")
	return c
}

// nextCommands completes the words that lead to a command.
func nextCommands(c *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	if about, rest, err := c.Root().Find(args); err == nil && len(rest) == 0 {
		for _, next := range about.Commands() {
			if next.IsAvailableCommand() {
				names = append(names, cobra.CompletionWithDesc(next.Name(), next.Short))
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// manTree writes all pages.
func manTree(root *cobra.Command, folder string, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("--folder has all pages, not only that of %s", args[0]))
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return manFiles(root, folder)
}

// manFiles writes the pages of a command and of those below it.
func manFiles(c *cobra.Command, folder string) error {
	var page bytes.Buffer
	if err := manPage(c, &page); err != nil {
		return err
	}
	name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
	if err := os.WriteFile(filepath.Join(folder, name), page.Bytes(), 0o644); err != nil {
		return err
	}
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		if err := manFiles(sub, folder); err != nil {
			return err
		}
	}
	return nil
}

// manEnd is what every page has before its last section. Exit status 130 is what shells
// report for SIGINT.
const manEnd = `.SH EXIT STATUS
0 all is well, 1 a finding or a failure, 2 a wrong command line, 130 interrupted.

.SH FILES
.TP
\fI/etc/ptbrelay/config.yaml\fP
The configuration, read where it exists and \fB--config\fP names no other. Its keys are
explained in \fIreference.yaml\fP, which the packages put into \fI/usr/share/doc/ptbrelay\fP.
.TP
\fI/run/ptbrelay/control.sock\fP
Where the daemon answers the commands that ask it (key \fBcontrol\fP).

`

const seeAlso = ".SH SEE ALSO\n"

// indented are the lines of a help text that are shown as they are.
var indented = regexp.MustCompile(`(?m)^  `)

// manPage writes the page of a command. The generator takes help texts for Markdown,
// where such lines begin with four spaces, and shows what is given to a flag that takes
// nothing.
func manPage(c *cobra.Command, out io.Writer) error {
	c.DisableAutoGenTag = true // pages are not signed by the generator
	help := c.Long
	c.Long = indented.ReplaceAllString(help, "    ")
	defer func() { c.Long = help }()
	var page bytes.Buffer
	header := &doc.GenManHeader{Section: "1", Source: "ptbrelay " + buildVersion(), Manual: "ptbrelay"}
	if err := doc.GenMan(c, header, &page); err != nil {
		return err
	}
	text := strings.ReplaceAll(page.String(), "[=false]", "")
	before, after, ok := strings.Cut(text, seeAlso)
	if !ok {
		return fmt.Errorf("the page of %s has no section SEE ALSO", c.CommandPath())
	}
	_, err := io.WriteString(out, before+manEnd+seeAlso+after)
	return err
}
