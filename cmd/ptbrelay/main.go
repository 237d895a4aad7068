// Command ptbrelay gives every server of an anycast or ECMP group the PTBs that
// concern its connections.
package main

import (
	"context"
	"os"

	"ptbrelay/cmd/ptbrelay/app"
)

func main() {
	os.Exit(app.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
