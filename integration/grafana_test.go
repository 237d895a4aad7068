package integration

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	dashboardFile = "grafana/ptbrelay.json"
	rulesFile     = "prometheus/rules.yaml"
)

// dashboard is what the tests read of Grafana's JSON model.
type dashboard struct {
	ID       *int
	UID      string
	Title    string
	Tags     []string
	Refresh  string
	Time     struct{ From, To string }
	Inputs   []dashboardInput `json:"__inputs"`
	Requires []struct {
		ID, Type string
	} `json:"__requires"`
	SchemaVersion int
	Templating    struct{ List []dashboardVariable }
	Panels        []dashboardPanel
}

// dashboardInput is what Grafana asks for when the file is imported.
type dashboardInput struct{ Name, Type, PluginID string }

type dashboardVariable struct {
	Name, Type        string
	Definition        string // the query of a query variable
	Datasource        dashboardSource
	Multi, IncludeAll bool
}

type dashboardSource struct{ Type, UID string }

type dashboardPanel struct {
	ID                       int
	Type, Title, Description string
	Collapsed                bool
	Panels                   []dashboardPanel // of a row that is folded away
	Datasource               dashboardSource
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []dashboardTarget
}

type dashboardTarget struct {
	RefID, Expr, LegendFormat, Format string
	Instant, Range                    bool
}

// readDashboard reads the dashboard, and its text beside.
func readDashboard(t testing.TB) (d dashboard, text string) {
	t.Helper()
	text = fileText(t, dashboardFile)
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d, text
}

// pictures are the panels that show something; the others are headings.
func (d *dashboard) pictures() []dashboardPanel {
	return slices.DeleteFunc(slices.Clone(d.Panels), func(p dashboardPanel) bool { return p.Type == "row" })
}

// The dashboard is imported as it is: no id of the Grafana that it was drawn in, and
// asked for is the Prometheus only.
func TestGrafanaImport(t *testing.T) {
	d, _ := readDashboard(t)
	if d.ID != nil || d.UID != "ptbrelay" || d.Title != "ptbrelay" || !slices.Contains(d.Tags, "ptbrelay") {
		t.Errorf("id %v, uid %q, title %q, tags %q", d.ID, d.UID, d.Title, d.Tags)
	}
	if d.Time.From != "now-6h" || d.Time.To != "now" || d.Refresh != "30s" {
		t.Errorf("shows %v, again every %s", d.Time, d.Refresh)
	}
	if d.SchemaVersion != 38 {
		t.Errorf("schema %d; that of Grafana 10 is 38", d.SchemaVersion)
	}
	if want := []dashboardInput{{"DS_PROMETHEUS", "datasource", "prometheus"}}; !slices.Equal(d.Inputs, want) {
		t.Errorf("asks for %v", d.Inputs)
	}
	drawn, required := make(map[string]bool), make(map[string]bool)
	for _, p := range d.pictures() {
		drawn[p.Type] = true
	}
	for _, r := range d.Requires {
		if r.Type == "panel" {
			required[r.ID] = true
		}
	}
	if !maps.Equal(drawn, required) {
		t.Errorf("draws %v, requires %v", drawn, required)
	}
}

// Each panel says what it is, what is normal, and in which unit, and asks the
// Prometheus that was chosen.
func TestGrafanaPanels(t *testing.T) {
	d, _ := readDashboard(t)
	ids, titles := make(map[int]bool), make(map[string]bool)
	for _, p := range d.Panels {
		if p.ID <= 0 || ids[p.ID] || p.Title == "" || titles[p.Title] {
			t.Errorf("panel %d, %q: its id or title is missing or another's", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
	}
	for _, p := range d.pictures() {
		if !strings.Contains(p.Description, "Normal: ") {
			t.Errorf("%s: does not say what is normal: %q", p.Title, p.Description)
		}
		if p.FieldConfig.Defaults.Unit == "" {
			t.Errorf("%s: has no unit", p.Title)
		}
		if (p.Datasource != dashboardSource{"prometheus", "${datasource}"}) {
			t.Errorf("%s: asks %v", p.Title, p.Datasource)
		}
		checkTargets(t, &p)
	}
}

// checkTargets fails the test unless the queries of a panel can be told apart and
// have the form that its picture takes.
func checkTargets(t *testing.T, p *dashboardPanel) {
	t.Helper()
	if len(p.Targets) == 0 {
		t.Errorf("%s: asks nothing", p.Title)
	}
	refs := make(map[string]bool)
	for _, q := range p.Targets {
		if q.RefID == "" || refs[q.RefID] {
			t.Errorf("%s: reference %q is missing or another's", p.Title, q.RefID)
		}
		refs[q.RefID] = true
		overTime := p.Type == "timeseries" || p.Type == "heatmap"
		if q.Range != overTime || q.Instant == overTime {
			t.Errorf("%s: a %s with range %v, instant %v", p.Title, p.Type, q.Range, q.Instant)
		}
		if overTime && q.LegendFormat == "" {
			t.Errorf("%s: %s has no legend", p.Title, q.Expr)
		}
		if want := map[string]string{"table": "table", "heatmap": "heatmap"}[p.Type]; q.Format != want {
			t.Errorf("%s: a %s in format %q", p.Title, p.Type, q.Format)
		}
	}
}

// The panels cover Grafana's 24 columns without a hole and without an overlap, in
// the order of the file, each row of them below its heading.
func TestGrafanaLayout(t *testing.T) {
	const columns = 24
	d, _ := readDashboard(t)
	type cell struct{ x, y int }
	covered, bottom := make(map[cell]string), 0
	for _, p := range d.Panels {
		g := p.GridPos
		if g.X < 0 || g.Y < 0 || g.W <= 0 || g.H <= 0 || g.X+g.W > columns {
			t.Fatalf("%s: at %+v", p.Title, g)
		}
		if p.Type == "row" && (p.Collapsed || len(p.Panels) > 0 || g.W != columns || g.H != 1 || g.Y != bottom) {
			t.Errorf("the heading %s: at %+v, what is above it ends at %d", p.Title, g, bottom)
		}
		for y := g.Y; y < g.Y+g.H; y++ {
			for x := g.X; x < g.X+g.W; x++ {
				if other, taken := covered[cell{x, y}]; taken {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				covered[cell{x, y}] = p.Title
			}
		}
		bottom = max(bottom, g.Y+g.H)
	}
	if holes := columns*bottom - len(covered); holes != 0 {
		t.Errorf("%d cells of %d rows are empty", holes, bottom)
	}
}

// grafanaOwn are the variables that Grafana itself sets.
var grafanaOwn = []string{"__range", "__rate_interval"}

// What is used is there, what is there is used, and job and server are chosen, also
// several or all of them.
func TestGrafanaVariables(t *testing.T) {
	d, text := readDashboard(t)
	defined := make(map[string]bool)
	for _, v := range d.Templating.List {
		defined[v.Name] = true
		if chosen := v.Name == "job" || v.Name == "instance"; chosen && (v.Type != "query" || !v.Multi || !v.IncludeAll) {
			t.Errorf("%s cannot be chosen freely: %+v", v.Name, v)
		}
	}
	known := append(slices.Collect(maps.Keys(defined)), grafanaOwn...)
	for _, i := range d.Inputs {
		known = append(known, i.Name)
	}
	slices.Sort(known)
	used := make(map[string]bool)
	for _, m := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(text, -1) {
		if m[1] != "__all" { // the choice of all, which is no variable
			used[m[1]] = true
		}
	}
	if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, known) {
		t.Errorf("uses %q, there are %q", got, known)
	}
}

// Each alert is named by a panel that shows it, and no panel names another one.
func TestGrafanaAlerts(t *testing.T) {
	d, _ := readDashboard(t)
	alerts := make(map[string]bool)
	for _, r := range readRules(t) {
		if r.Alert != "" {
			alerts[r.Alert] = true
		}
	}
	named := make(map[string]bool)
	link := regexp.MustCompile(`\[(Ptbrelay\w+)\]\(https://github\.com/ptbrelay/ptbrelay/blob/main/integration/docs/operating\.md#(\w+)\)`)
	for _, p := range d.pictures() {
		for _, m := range link.FindAllStringSubmatch(p.Description, -1) {
			named[m[1]] = true
			if strings.ToLower(m[1]) != m[2] {
				t.Errorf("%s: the link of %s goes to %s", p.Title, m[1], m[2])
			}
		}
	}
	if !maps.Equal(named, alerts) {
		t.Errorf("panels name %q, alerts are %q", slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(alerts)))
	}
}
