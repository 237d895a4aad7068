package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ptbrelay/integration/lab"
)

// It claims a cure only where something stalled before and nothing does after.
func TestConclude(t *testing.T) {
	for _, c := range []struct {
		before, after int // stalled
		healed        bool
		want          string
	}{
		{5, 0, true, "\nHealed: 5 of 8 downloads stalled without ptbrelay, none with it.\n"},
		{0, 0, false, "nothing stalled without ptbrelay"},
		{5, 1, false, "not healed: 1 of 8 downloads stalled with ptbrelay"},
	} {
		var out bytes.Buffer
		d := demo{out: &out}
		err := d.conclude(lab.Summary{Flows: 8, Stalled: c.before}, lab.Summary{Flows: 8, Stalled: c.after})
		said := out.String()
		if err != nil {
			said = err.Error()
		}
		if (err == nil) != c.healed || !strings.HasPrefix(said, c.want) {
			t.Errorf("%d and %d stalled: %q", c.before, c.after, said)
		}
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "-", 4 * time.Millisecond: "0.00 s", 1234 * time.Millisecond: "1.23 s"} {
		if got := seconds(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
