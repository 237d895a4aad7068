//go:build linux

package lab_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"ptbrelay/integration/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m, daemon) }

// daemon is a program to start on nodes.
func daemon(args []string) int {
	switch args[0] {
	case "exit":
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
		return 7
	case "wait":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		fmt.Println("waiting")
		<-ctx.Done()
		return 3
	case "hang":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("hanging")
		select {}
	case "run-dir":
		entries, err := os.ReadDir("/run")
		fmt.Println(len(entries), err)
		return 0
	}
	return enter(args)
}
