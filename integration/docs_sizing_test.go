package integration

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"ptbrelay/relay/transport"
)

// number is the first one of a text, with or without spaces in it.
func number(t *testing.T, text string) float64 {
	t.Helper()
	digits := regexp.MustCompile(`\d[\d ]*(?:\.\d+)?`).FindString(text)
	n, err := strconv.ParseFloat(strings.ReplaceAll(digits, " ", ""), 64)
	if err != nil {
		t.Fatalf("%q has no number: %v", text, err)
	}
	return n
}

// isRounded tells whether one number is the other, of which two digits are left.
func isRounded(shown, exact float64) bool { return math.Abs(shown-exact) <= 0.051*exact }

// costs are what a copy costs the processor, in microseconds, as the page says; each is
// one that the benchmarks gave.
type costs struct{ alone, burst, injected, refused float64 }

func costsOf(t *testing.T) (c costs) {
	t.Helper()
	measured := fileText(t, "bench/README.md")
	cost := func(what string) float64 {
		m := regexp.MustCompile(`(?m)^\| ` + what + ` \| \[([\d.]+)\]`).FindStringSubmatch(chapter(t, sizingPage, "Processor"))
		if m == nil {
			t.Fatalf("the page does not say what %q costs", what)
		}
		if !regexp.MustCompile(`[· |]` + regexp.QuoteMeta(m[1]) + `[· |]`).MatchString(measured) {
			t.Errorf("%s: %s µs is not what the benchmarks gave", what, m[1])
		}
		return number(t, m[1])
	}
	return costs{
		cost("a copy sent by udp, alone"), cost("a copy sent by udp, in a burst to 100 peers"),
		cost("a copy taken in and injected"), cost("a copy taken in and refused by a budget"),
	}
}

// The tables of members are what their inputs come to.
func TestSizingMembers(t *testing.T) {
	const percent = 1e4 // of a processor, of which a second has 10^6 µs
	c, deliver := costsOf(t), defaultOf(t, "relay.limits.deliver")
	text := chapter(t, sizingPage, "How many members")
	frame := transport.MaxPacket + readConstants(t, "../relay/transport").value(t, "minDatagram") + 8 + 20 + 38
	if !strings.Contains(strings.ReplaceAll(text, "\n", " "), strconv.Itoa(int(frame))+" bytes on the wire") {
		t.Errorf("the page does not say that a copy is %v bytes on the wire", frame)
	}
	parts := strings.Split(text, "\n*r* = ")[1:]
	if len(parts) != 2 {
		t.Fatalf("%d tables", len(parts))
	}
	for _, part := range parts {
		rate := number(t, part)
		sending := c.alone
		if rate == defaultOf(t, "relay.limits.node") {
			sending = c.burst
		}
		for _, row := range tablesOf(part)[0][1:] {
			members := number(t, row[0])
			copies := rate * (members - 1)
			mbits := copies * frame * 8 / 1e6
			injected := min(copies, deliver)
			for i, want := range []float64{
				members, copies, mbits, members * mbits / 1000, copies * sending / percent,
				(injected*c.injected + (copies-injected)*c.refused) / percent,
				100 * copies / deliver, 100 * injected / copies,
			} {
				if got := number(t, row[i]); !isRounded(got, want) {
					t.Errorf("%v members, r = %v, column %d: the page says %v, it is %.3g", members, rate, i, got, want)
				}
			}
		}
	}
}

// The page says what each limit does, and what to set them to.
func TestSizingLimits(t *testing.T) {
	text := chapter(t, sizingPage, "How to choose limits")
	path, err := yaml.PathString("$.relay.limits")
	if err != nil {
		t.Fatal(err)
	}
	limits := make(map[string]int)
	if err := path.Read(strings.NewReader(fileText(t, "reference.yaml")), &limits); err != nil {
		t.Fatal(err)
	}
	for name := range limits {
		if !strings.HasSuffix(name, "_burst") && !strings.Contains(text, "\n| `relay.limits."+name+"` |") {
			t.Errorf("relay.limits.%s is not in the table", name)
		}
	}
	node, deliver := float64(limits["node"]), float64(limits["deliver"])
	for _, row := range tablesOf(text)[1][1:] {
		others := number(t, row[0]) - 1
		for i, want := range []float64{node * others, node * others * costsOf(t).injected / 1e4, math.Floor(deliver / others)} {
			if got := number(t, row[i+1]); !isRounded(got, want) || i != 1 && got != want {
				t.Errorf("%s members, column %d: the page says %v, it is %.3g", row[0], i+1, got, want)
			}
		}
	}
}
