package integration

import (
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
	"ptbrelay/relay/admit"
)

// figure is a number with its unit: nanoseconds, a second, or none of these.
type figure struct {
	value float64
	unit  string // "ns", "/s" or ""
}

// figurePattern finds durations and rates in a text.
var figurePattern = regexp.MustCompile(`\d[\d ]*(?:\.\d+)?(?: ?m?s\b|/s\b)`)

func figuresIn(t *testing.T, text string) (found []figure) {
	t.Helper()
	for _, f := range figurePattern.FindAllString(text, -1) {
		found = append(found, parseFigure(t, f))
	}
	return found
}

// parseFigure reads for example "150 ms", "100 000/s", "1280 bytes" or "64".
func parseFigure(t *testing.T, text string) figure {
	t.Helper()
	m := regexp.MustCompile(`^(\d[\d ]*(?:\.\d+)?) ?(ms|s|/s|bytes)?$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%q is no figure", text)
	}
	value, err := strconv.ParseFloat(strings.ReplaceAll(m[1], " ", ""), 64)
	if err != nil {
		t.Fatal(err)
	}
	switch m[2] {
	case "ms":
		return figure{math.Round(value * float64(time.Millisecond)), "ns"}
	case "s":
		return figure{math.Round(value * float64(time.Second)), "ns"}
	case "/s":
		return figure{value, "/s"}
	}
	return figure{value, ""}
}

// figuresOfPage are those of the page's table.
func figuresOfPage(t *testing.T) (found []figure) {
	t.Helper()
	for _, row := range tablesOf(chapter(t, howPage, "Figures"))[0][1:] {
		found = append(found, parseFigure(t, row[1]))
	}
	return found
}

// The figures of the page are those of the code: constants, and defaults of keys.
func TestHowItWorksFigures(t *testing.T) {
	rows := tablesOf(chapter(t, howPage, "Figures"))[0][1:]
	if len(rows) < 30 {
		t.Fatalf("only %d figures", len(rows))
	}
	constant := regexp.MustCompile("^`([\\w/]+)` `([^`]+)`$")
	packages := make(map[string]*constants)
	for _, row := range rows {
		want := parseFigure(t, row[1]).value
		if m := constant.FindStringSubmatch(row[2]); m != nil {
			if packages[m[1]] == nil {
				packages[m[1]] = readConstants(t, filepath.Join("..", m[1]))
			}
			if got := packages[m[1]].value(t, m[2]); got != want {
				t.Errorf("%s: %s; %s is %v", row[0], row[1], row[2], got)
			}
		} else if got := defaultOf(t, strings.Trim(row[2], "`")); got != want {
			t.Errorf("%s: %s; %s is %v", row[0], row[1], row[2], got)
		}
	}
}

// defaultOf is the default of a key, a duration in nanoseconds.
func defaultOf(t *testing.T, key string) float64 {
	t.Helper()
	path, err := yaml.PathString("$." + key)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := path.Read(strings.NewReader(fileText(t, "reference.yaml")), &value); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	if d, err := time.ParseDuration(fmt.Sprint(value)); err == nil {
		return float64(d)
	}
	number, err := strconv.ParseFloat(fmt.Sprint(value), 64)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return number
}

// No duration and no rate of these pages and their pictures stands there alone: each is
// in the table that is held against the code, a window, or in what was measured.
func TestPagesFigures(t *testing.T) {
	known := append(figuresOfPage(t), windows(t)...)
	picture := func(name string) string { return fileText(t, filepath.Join("docs", name)) }
	for _, p := range []struct {
		name, text string
		known      []figure
	}{
		{howPage, fileText(t, howPage), known},
		{"dedup.svg", picture("dedup.svg"), known},
		{"levels.svg", picture("levels.svg"), known},
		{threatPage, fileText(t, threatPage), append(known, figuresIn(t, fileText(t, "bench/admission.md"))...)},
	} {
		found := figuresIn(t, p.text)
		if len(found) < 3 {
			t.Errorf("%s: only %d figures", p.name, len(found))
		}
		for _, f := range found {
			if !slices.Contains(p.known, f) {
				t.Errorf("%s: nothing holds the figure %v", p.name, f)
			}
		}
	}
}

// The windows that the page lists are those that a flow sees whose PTBs never end, and
// after the last one it is forgotten.
func TestHowItWorksWindows(t *testing.T) {
	free := admit.PerSecond(1e9, 2e9)
	a, limits := admit.New(), admit.Limits{Node: free, Router: free, Client: free}
	want := windows(t)
	var got []figure
	last := time.Duration(0)
	for now := time.Millisecond; len(got) <= len(want); now += time.Millisecond {
		if now > time.Minute {
			t.Fatalf("in a minute only the windows %v", got)
		}
		if _, copied := a.Admit(int64(now), messageOf(1, 1), &limits); copied {
			if last != 0 {
				got = append(got, figure{float64(now - last), "ns"})
			}
			last = now
		}
	}
	want = append(want, want[0])
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(figure{})); diff != "" {
		t.Errorf("-page +code:\n%s", diff)
	}
}

// windows are those of the page.
func windows(t *testing.T) []figure {
	t.Helper()
	_, list, ok := strings.Cut(chapter(t, howPage, "Is it new?"), "So the windows are\n")
	if !ok {
		t.Fatal("the page does not list the windows")
	}
	return figuresIn(t, list)
}

// Each level leaves as much of a bucket as the page says.
func TestHowItWorksLevels(t *testing.T) {
	rows := tablesOf(chapter(t, howPage, "Within the budget?"))[0][1:]
	if len(rows) != 4 {
		t.Fatalf("%d levels", len(rows))
	}
	for i, again := range []func(n uint32) *classify.Message{
		func(n uint32) *classify.Message { return messageOf(bucketDepth+n, bucketDepth+n) }, // nobody knows it
		func(n uint32) *classify.Message { return messageOf(bucketDepth+n, 1) },
		func(n uint32) *classify.Message { return messageOf(n, n) },               // these had a copy
		func(n uint32) *classify.Message { return messageOf(bucketDepth-n, 1e6) }, // and these had none
	} {
		want := shareOf(t, rows[i][1])
		if got := leftAfter(again); math.Abs(got-want) > 0.01 {
			t.Errorf("%s: the page says %s, and %.3f are left", rows[i][0], rows[i][1], got)
		}
	}
}

// shareOf reads "1/2 of the burst", "1/4" or "0".
func shareOf(t *testing.T, text string) float64 {
	t.Helper()
	m := regexp.MustCompile(`^(\d)(?:/(\d))?`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%q is no share", text)
	}
	share := float64(m[1][0] - '0')
	if m[2] != "" {
		share /= float64(m[2][0] - '0')
	}
	return share
}

const bucketDepth = 1600

// leftAfter is the share of the node's bucket that is left when many flows have been
// seen for the first time, and then, when they are known, half as many of others.
func leftAfter(again func(n uint32) *classify.Message) float64 {
	free := admit.PerSecond(1e9, 2e9)
	a, limits := admit.New(), admit.Limits{Node: admit.PerSecond(1, bucketDepth), Router: free, Client: free}
	left := bucketDepth
	take := func(now time.Duration, m *classify.Message) {
		if _, copied := a.Admit(int64(now), m, &limits); copied {
			left--
		}
	}
	for n := range uint32(bucketDepth) {
		take(time.Second, messageOf(n+1, n+1))
	}
	for n := range uint32(bucketDepth / 2) {
		take(time.Second+200*time.Millisecond, again(n+1))
	}
	return float64(left) / bucketDepth
}

// messageOf is one about the n-th flow, by a router.
func messageOf(flow, router uint32) *classify.Message {
	address := func(first byte, n uint32) netip.Addr {
		return netip.AddrFrom4([4]byte{first, byte(n >> 16), byte(n >> 8), byte(n)})
	}
	vip := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 443)
	client := netip.AddrPortFrom(address(10, flow), 40000)
	return &classify.Message{
		Family: classify.IPv4, Router: address(100, router), MTU: 1400,
		Flow: classify.MakeFlow(classify.TCP, vip, client),
	}
}
