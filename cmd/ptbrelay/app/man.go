package app

import (
	"fmt"
	"os"

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
		Args: knownCommand,
		RunE: func(c *cobra.Command, args []string) error {
			if folder != "" {
				return manTree(c.Root(), folder, args)
			}
			about, _, err := c.Root().Find(args)
			if err != nil {
				return err
			}
			untagged(c.Root())
			return doc.GenMan(about, manHeader(), c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&folder, "folder", "", "write a page for each command into this `folder`, which is made where it is not there")
	return c
}

// manTree writes all pages.
func manTree(root *cobra.Command, folder string, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("--folder has all pages, not only that of %s", args[0]))
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	untagged(root)
	return doc.GenManTree(root, manHeader(), folder)
}

func manHeader() *doc.GenManHeader {
	return &doc.GenManHeader{Section: "1", Source: "ptbrelay " + buildVersion(), Manual: "ptbrelay"}
}

// untagged keeps the generator from signing the pages.
func untagged(c *cobra.Command) {
	c.DisableAutoGenTag = true
	for _, sub := range c.Commands() {
		untagged(sub)
	}
}
