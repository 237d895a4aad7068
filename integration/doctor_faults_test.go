package integration

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/check"
	"ptbrelay/integration/lab"
)

// fault is one thing that is wrong with a server.
type fault struct {
	id, name string // of the check; of the fault
	lab      lab.Options
	config   string // of ptbrelay before
	// commit makes it and returns what undoes it; nil: the commands that doctor
	// prints do.
	commit func(edge) (undo func())
	// told is what doctor says then, and does not say of the same server without.
	told []string
	// seen tells by other means than doctor's that the fault is there; nil where
	// packets have shown it beside the check itself.
	seen func(edge) bool
}

// faults are by the checks in their order, each at least once.
func faults() []fault { return slices.Concat(routingFaults(), settingFaults(), packetFaults()) }

// Each fault is found, and nothing else; it is gone when it is mended by what doctor
// says.
func TestDoctorFindsFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.id+" "+f.name, func(t *testing.T) {
			e := newEdge(t, f.lab, f.config)
			before := e.doctor().told()
			f.checkSeen(e, false)
			undo := f.commit(e)
			sick := e.doctor()
			f.checkSeen(e, true)
			if diff := cmp.Diff(f.told, without(sick.told(), before)); diff != "" {
				t.Errorf("-want +got:\n%s\n%+v", diff, sick)
			}
			f.mend(e, sick, undo)
			f.checkSeen(e, false)
			if mended := e.doctor(); !slices.Equal(mended.told(), before) {
				t.Errorf("mended, doctor says %v, want as before %v", mended.told(), before)
			}
		})
	}
}

// mend does what doctor says, and undoes what no command can.
func (f fault) mend(e edge, sick diagnosis, undo func()) {
	e.t.Helper()
	printed := false
	for _, found := range sick.of(f.id) {
		if found.mend != "" && slices.Contains(f.told, found.String()) {
			printed = true
			e.mend(found.mend)
		}
	}
	if undo != nil {
		undo()
	} else if !printed {
		e.t.Errorf("no command is printed in %+v", sick.of(f.id))
	}
}

func (f fault) checkSeen(e edge, want bool) {
	e.t.Helper()
	if f.seen != nil && f.seen(e) != want {
		e.t.Errorf("by other means the fault is there: %v", !want)
	}
}

// without are the findings that are not among others.
func without(told, others []string) (rest []string) {
	for _, f := range told {
		if !slices.Contains(others, f) {
			rest = append(rest, f)
		}
	}
	return rest
}

// Every check has a fault that it finds here.
func TestDoctorFaultOfEachCheck(t *testing.T) {
	var all, tried []string
	for _, c := range check.All() {
		all = append(all, c.ID)
	}
	for _, f := range faults() {
		tried = append(tried, f.id)
	}
	slices.Sort(all)
	slices.Sort(tried)
	if diff := cmp.Diff(all, slices.Compact(tried)); diff != "" {
		t.Errorf("-checks +faults:\n%s", diff)
	}
}
