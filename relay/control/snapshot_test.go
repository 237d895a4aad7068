package control

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"
)

// fullSnapshot has no field that is zero.
func fullSnapshot() Snapshot {
	byFamily := func(label string) map[string]map[string]uint64 {
		return map[string]map[string]uint64{"ipv4": {label: 7}}
	}
	return Snapshot{
		Version: "v1", Started: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), UptimeSeconds: 1.5,
		Paused: true, DryRun: true, Transport: "udp",
		Interfaces: []string{"eth0"}, Listen: []string{"203.0.113.10:7690"}, Group: 33,
		Config:      []string{"relay.transport: udp"},
		Received:    map[string]map[string]uint64{"wire": {"ipv4": 7}},
		Verdicts:    map[string]map[string]map[string]uint64{"wire": byFamily("eligible")},
		Outcomes:    byFamily("relayed"),
		Deliveries:  byFamily("injected"),
		Datagrams:   map[string]map[string]uint64{"ptb": {"opened": 7}},
		Applied:     byFamily("applied"),
		Copies:      7,
		SendErrors:  1,
		CaptureLost: map[string]uint64{"overrun": 1},
		Guarded:     1, GuardedKnown: true,
		Peers: []Peer{{
			Address: "203.0.113.11:7690", Sources: []string{"static"}, Up: true,
			LastHeard: time.Date(2026, 1, 31, 12, 0, 1, 0, time.UTC), RoundTripSeconds: 0.0002,
		}},
		PeersLeftOut: 1,
		Audit:        json.RawMessage(`{}`),
	}
}

// Others read this: names and forms stay.
func TestSnapshotJSON(t *testing.T) {
	s := fullSnapshot()
	for i, v := range reflect.ValueOf(s).Fields() {
		if v.IsZero() {
			t.Errorf("%s is not tested", i.Name)
		}
	}
	got, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/snapshot.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(got, '\n'), want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var back Snapshot
	if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("read back: %+v %v", back, err)
	}
}
