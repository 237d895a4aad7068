package app

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts run this very test binary as the command ptbrelay.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ptbrelay": func() {
			os.Exit(Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}
