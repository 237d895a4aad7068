package simulation

import (
	"reflect"
	"testing"
	"time"
)

// One seed, one result; another seed, another.
func TestRunIsDeterministic(t *testing.T) {
	for _, scheme := range Schemes() {
		s := Imitated(5000, 2)
		first := s.Run(scheme, 1)
		if again := s.Run(scheme, 1); !reflect.DeepEqual(first, again) {
			t.Errorf("%s: two runs with one seed differ", scheme.Name)
		}
		if other := s.Run(scheme, 2); reflect.DeepEqual(first, other) {
			t.Errorf("%s: the seed changes nothing", scheme.Name)
		}
	}
}

func TestRunsAddUp(t *testing.T) {
	s := Imitated(5000, 2)
	a, b, both := s.Run(Ours(), 1), s.Run(Ours(), 2), s.Run(Ours(), 1, 2)
	if both.Flows != a.Flows+b.Flows || len(both.Healing) != len(a.Healing)+len(b.Healing) || both.Copies != max(a.Copies, b.Copies) {
		t.Errorf("%d and %d flows of which %d and %d healed make %d and %d", a.Flows, b.Flows, len(a.Healing), len(b.Healing), both.Flows, len(both.Healing))
	}
}

func TestResult(t *testing.T) {
	r := Result{Flows: 4, Healing: []time.Duration{0, time.Second, 3 * time.Second}}
	for within, want := range map[time.Duration]float64{0: 0.25, time.Second - 1: 0.25, time.Second: 0.5, time.Minute: 0.75} {
		if got := r.Healed(within); got != want {
			t.Errorf("healed within %v: %v, want %v", within, got, want)
		}
	}
	if r.Median() != time.Second || r.Slowest() != 3*time.Second {
		t.Errorf("median %v, slowest %v", r.Median(), r.Slowest())
	}
	if none := (Result{Flows: 4}); none.Healed(time.Minute) != 0 || none.Median() != 0 || none.Slowest() != 0 {
		t.Errorf("of none: %v, median %v, slowest %v", none.Healed(time.Minute), none.Median(), none.Slowest())
	}
}

func TestMeter(t *testing.T) {
	var m meter
	for _, at := range []int64{0, 1, 2, second, second + 1, 5 * second} {
		m.add(at)
	}
	if m.most != 3 {
		t.Errorf("at most %d in a second, want 3", m.most)
	}
}

// The guard turns away blindly what is above it: of 200 000 a second half.
func TestGuard(t *testing.T) {
	o := Ours().make(1).(*ours)
	passed := 0
	for n := range int64(800_000) {
		if o.guard.take(n * second / 200_000) {
			passed++
		}
	}
	if want := 400_000 + 20_000; passed < want-1 || passed > want+1 {
		t.Errorf("%d passed in 4 s, want %d", passed, want)
	}
}
