package integration

import (
	"reflect"
	"strings"
	"testing"

	"ptbrelay/audit"
	"ptbrelay/classify"
	"ptbrelay/relay/control"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/transport"
)

// Every verdict, outcome, delivery and result that there is stands under its heading of
// the reference.
func TestReferenceNames(t *testing.T) {
	names := make(map[string][]string)
	add := func(heading, name string) { names[heading] = append(names[heading], name) }
	for v := range classify.Verdicts() {
		add("Verdicts", v.String())
	}
	for o := range outcome.NumOutcomes {
		add("Outcomes", outcome.Outcome(o).String())
	}
	for d := range outcome.NumDeliveries {
		add("Deliveries", outcome.Delivery(d).String())
	}
	for r := range transport.NumDatagramResults {
		add("Datagrams", transport.DatagramResult(r).String())
	}
	for r := range deliver.NumResults {
		add("Applied", deliver.Result(r).String())
	}
	for heading, those := range names {
		standsIn(t, chapter(t, referencePage, heading), those...)
	}
}

// Every field that programs may read stands under JSON.
func TestReferenceJSON(t *testing.T) {
	for _, printed := range []any{audit.Report{}, control.Switch{}, control.Event{}} {
		standsIn(t, chapter(t, referencePage, "JSON"), jsonFields(printed)...)
	}
}

// jsonFields are the names that a struct's fields have in JSON.
func jsonFields(of any) (names []string) {
	for _, field := range reflect.VisibleFields(reflect.TypeOf(of)) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// standsIn fails the test where a name does not stand in a text as code.
func standsIn(t *testing.T, text string, names ...string) {
	t.Helper()
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, `"`+name+`"`) {
			t.Errorf("%s is not in the reference", name)
		}
	}
}
