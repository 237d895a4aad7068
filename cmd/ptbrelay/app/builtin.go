package app

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// addBuiltin adds cobra's own commands, completion and help. By themselves they
// have no examples, and answer what is missing or unknown with a help text, as
// if all were well.
func addBuiltin(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			mendCompletion(c)
		case "help":
			c.Example = "  ptbrelay help run"
			c.Args = knownCommand
		}
	}
}

func mendCompletion(c *cobra.Command) {
	c.Example = "  ptbrelay completion bash > /etc/bash_completion.d/ptbrelay"
	c.RunE = func(*cobra.Command, []string) error {
		return usage(errors.New("say which shell: ptbrelay completion bash, fish, powershell or zsh"))
	}
	for _, shell := range c.Commands() {
		shell.Example = "  ptbrelay completion " + shell.Name()
	}
}

// knownCommand accepts the words that lead to a command.
func knownCommand(c *cobra.Command, args []string) error {
	_, rest, err := c.Root().Find(args)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unknown command %q for %q", rest[0], c.Root().Name())
	}
	return err
}
