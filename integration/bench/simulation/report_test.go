package simulation

import (
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "run every scenario and write admission.md and admission.svg")

const (
	reportFile  = "../admission.md"
	pictureFile = "../admission.svg"
)

// promises are the scenarios in which every real flow is healed within three
// seconds: what relay/admit is for.
var promises = []Scenario{
	Calm(), OneClient(256), BusyRouter(100), SlowRouter(50, 0), SlowRouter(50, 30_000),
	Spray(10_000), Spray(30_000), Spray(50_000), Spray(100_000),
	RouterSpoofed(600), RouterSpoofed(1000), RouterSpoofed(10_000), RouterSpoofed(30_000),
	ClientQuoted(10_000), ClientQuotedItself(10_000), PortQuotedItself(600),
	Imitated(2000, 2), Insisted(2000, 8), RouterImitated(400, 2),
}

func checkRow(t testing.TB, row row) {
	t.Helper()
	for i, scheme := range Schemes() {
		checkBudget(t, row.Scenario, scheme, row.Results[i])
	}
	for _, s := range promises {
		if s.String() == row.Scenario.String() {
			checkPromise(t, s, row.Results[len(row.Results)-1])
		}
	}
}

func checkBudget(t testing.TB, s Scenario, scheme Scheme, r Result) {
	t.Helper()
	if r.Copies > scheme.Budget {
		t.Errorf("%v: %s made %d copies in a second, at most %d", s, scheme.Name, r.Copies, scheme.Budget)
	}
}

func checkPromise(t testing.TB, s Scenario, r Result) {
	t.Helper()
	if r.Healed(3*time.Second) != 1 {
		t.Errorf("%v: %s %% healed after 1 · 3 · 10 s, want all within 3 s", s, shares(r))
	}
}

// The promises are kept: here with one seed and up to 10 000 forged PTBs a
// second, in the benchmark with all.
func TestPromises(t *testing.T) {
	const seed = 1
	t.Logf("seed %d", seed)
	for _, s := range upTo(10_000, promises) {
		t.Run(s.String(), func(t *testing.T) {
			r := s.Run(Ours(), seed)
			checkBudget(t, s, Ours(), r)
			checkPromise(t, s, r)
		})
	}
}

// upTo are the scenarios with at most so many forged PTBs a second.
func upTo(rate float64, all []Scenario) (some []Scenario) {
	for _, s := range all {
		if s.attack.rate <= rate {
			some = append(some, s)
		}
	}
	return some
}

// rowsOf runs scenarios side by side.
func rowsOf(all []Scenario) []row {
	rows := make([]row, len(all))
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() { rows[i] = newRow(s) })
	}
	wg.Wait()
	return rows
}

// What admission.md shows is what the simulation gives: here of the small
// floods, in the benchmark of all.
func TestReport(t *testing.T) {
	if *update {
		writeReport(t, rowsOf(Scenarios()))
	}
	text := read(t, reportFile)
	t.Logf("seeds %v", Seeds())
	for _, row := range rowsOf(upTo(5000, Scenarios())) {
		checkRow(t, row)
		for _, want := range []string{tableRow(row, shares), tableRow(row, costs)} {
			t.Log(strings.TrimSpace(want))
			if !strings.Contains(text, want) {
				t.Errorf("%s is stale (-update writes it): it lacks\n%s", reportFile, want)
			}
		}
	}
}

// BenchmarkSimulation runs every scenario with every seed and fails where
// admission.md and the picture show something else.
func BenchmarkSimulation(b *testing.B) {
	for b.Loop() {
		rows := rowsOf(Scenarios())
		for _, row := range rows {
			checkRow(b, row)
		}
		text := read(b, reportFile)
		if inserted(b, text, rows) != text {
			b.Errorf("%s is stale (go test -update writes it)", reportFile)
		}
		if drawn(b, rows) != read(b, pictureFile) {
			b.Errorf("%s is stale (go test -update writes it)", pictureFile)
		}
	}
}

func writeReport(t *testing.T, rows []row) {
	t.Helper()
	for _, row := range rows {
		checkRow(t, row)
	}
	write(t, reportFile, inserted(t, read(t, reportFile), rows))
	write(t, pictureFile, drawn(t, rows))
}

// inserted is the report with the tables of these rows in the places of its own.
func inserted(t testing.TB, text string, rows []row) string {
	t.Helper()
	text = between(t, text, "healed", shareTable(rows))
	return between(t, text, "cost", costTable(rows))
}

// between replaces what stands between the two marks of a name.
func between(t testing.TB, text, name, table string) string {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the marks %q", reportFile, name)
	}
	return before + begin + table + end + after
}

func drawn(t testing.TB, rows []row) string {
	t.Helper()
	svg, err := draw(rows)
	if err != nil {
		t.Fatal(err)
	}
	return svg
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
