package integration

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"

	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/integration/labtest"
)

// waiting is how many tests run at once that wait more than they work: more than there
// are processors, which is the default of -parallel.
const waiting = "4"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", waiting); err != nil { // the command line is read later
		panic(err)
	}
	labtest.Main(m, func(args []string) int {
		return app.Run(context.Background(), args, os.Stdin, os.Stdout, os.Stderr)
	})
}

// errNotYet is for conditions of [labtest.Eventually] that have no more to say.
var errNotYet = errors.New("not yet")
