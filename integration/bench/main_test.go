package bench

import (
	"context"
	"fmt"
	"os"
	"testing"

	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/integration/bench/floor"
	"ptbrelay/integration/labtest"
)

// asFloor, as the first argument, makes a daemon the floor instead of ptbrelay;
// the interface follows.
const asFloor = "floor"

func TestMain(m *testing.M) {
	labtest.Main(m, func(args []string) int {
		if len(args) == 2 && args[0] == asFloor {
			fmt.Fprintln(os.Stderr, floor.Run(args[1], os.Stdout))
			return 1
		}
		return app.Run(context.Background(), args, os.Stdin, os.Stdout, os.Stderr)
	})
}
