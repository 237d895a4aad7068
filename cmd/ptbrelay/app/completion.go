package app

import (
	"errors"

	"github.com/spf13/cobra"
)

// addCompletion adds cobra's completion command, which by itself has no
// examples and prints its help where a shell is missing or unknown.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Example = "  ptbrelay completion bash > /etc/bash_completion.d/ptbrelay"
		c.RunE = func(*cobra.Command, []string) error {
			return usage(errors.New("say which shell: ptbrelay completion bash, fish, powershell or zsh"))
		}
		for _, shell := range c.Commands() {
			shell.Example = "  ptbrelay completion " + shell.Name()
		}
	}
}
