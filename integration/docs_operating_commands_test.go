package integration

import (
	"slices"
	"strings"
	"testing"

	"ptbrelay/integration/labtest"
)

// The commands of the operating page, done as they are written and in their order, on
// the three servers that it is about. What an alert or a task is about happens first,
// where it can be made to; each command succeeds, or finds what it is there for, and
// prints what the page says.
func TestOperatingCommands(t *testing.T) {
	t.Parallel() // it waits more than it works
	o := newOperator(t)
	for _, name := range []string{"Alerts", "Tasks"} {
		for _, part := range strings.Split(chapter(t, operatingPage, name), "\n### ")[1:] {
			title, text, _ := strings.Cut(part, "\n")
			if title != renewal {
				o.follow(title, text)
			}
		}
	}
	for title := range troubles {
		if !slices.Contains(o.followed, title) {
			t.Errorf("the page has no heading %q", title)
		}
	}
}

// trouble is what there is to see while the commands of a heading are done.
type trouble struct {
	// begin makes it happen and returns what ends it; nil where the commands do.
	begin func(*operator) (end func())
	// finds are the commands whose exit code is 1, the first time each.
	finds []string
	// shows are parts of what commands print, by how these begin.
	shows map[string]string
}

// renewal is the task that needs TLS and a Prometheus, so TestMonitoring does it.
const renewal = "Renew the certificate"

// another is the server that the page speaks of as another one, server3.
const another = 2

var troubles = map[string]trouble{
	"PtbrelayDown": {shows: map[string]string{"ptbget": "capturing"}},
	"PtbrelayPeerDown": {
		begin: func(o *operator) func() {
			o.stop(another)
			return func() { o.start(another) }
		},
		finds: []string{"ptbrelay selftest", "ssh server3 ptbget"},
	},
	"PtbrelayPeerUnresolved": {
		begin: func(o *operator) func() { return o.edit(`static: .*`, "file: /etc/ptbrelay/peers") },
		shows: map[string]string{"ptbget": `source="file",state="unresolved"} 1`, "journalctl": "peers file refused"},
	},
	"PtbrelayKeysDiffer": {
		begin: func(o *operator) func() {
			o.rekey(another, labtest.Key(1))
			return func() { o.rekey(another, labtest.Key(0)) }
		},
		finds: []string{"ptbrelay selftest"},
		shows: map[string]string{"journalctl": "seals=", "ssh server3 journalctl": "seals="},
	},
	"PtbrelayBudgetExhausted": {shows: map[string]string{"ptbrelay check-config": "copies out: at most 3000/s"}},
	"PtbrelayFindingError": {
		begin: func(o *operator) func() { return o.loseLocalRoute("2001:db8:9::1/128") },
		finds: []string{"ptbrelay doctor"},
		shows: map[string]string{"ptbrelay doctor": "ERROR  local-route-missing  2001:db8:9::1"},
	},
	"PtbrelayPaused": {
		begin: func(o *operator) func() {
			if code, printed := o.do("ptbrelay pause"); code != 0 {
				o.t.Errorf("exit code %d:\n%s", code, printed)
			}
			return func() {}
		},
		shows: map[string]string{"journalctl": "paused: nothing is sent", "ptbrelay resume": "goes on"},
	},
	"PtbrelayReloadFailed": {
		begin: func(o *operator) func() { return o.edit(`ports: .*`, "ports: [eighty]") },
		finds: []string{"ptbrelay check-config"},
		shows: map[string]string{"journalctl": "eighty", "ptbrelay check-config": "eighty", "ptbrelay selftest": "good"},
	},
	"Change the configuration": {
		shows: map[string]string{"ptbrelay check-config": ": good", "journalctl": "policy.ports"},
	},
	"Run a canary in dry run": {
		finds: []string{"ssh server2 ptbrelay selftest"},
		shows: map[string]string{
			"journalctl": "relay.dry_run: false -> true", "ptbget": `outcome="dry-run"`, "ssh server2 ptbrelay selftest": "does not deliver: dry-run",
		},
	},
	"Pause everything": {shows: map[string]string{"ptbget": "ptbrelay_paused 1"}},
	"A peer dies":      {finds: []string{"ptbrelay selftest"}},
	"Remove a peer":    {shows: map[string]string{"ptbget": `source="static",state="up"} 1`}},
	"Add a peer": {shows: map[string]string{
		"ssh server3 ptbrelay selftest": "198.51.100.129:7690  yes", "journalctl": "198.51.100.133", "ptbrelay selftest": "198.51.100.133:7690  yes",
	}},
	"Drain a VIP": {shows: map[string]string{"ptbrelay doctor": "vip-not-here", "ptbget": `outcome="not-local"`}},
	"Upgrade": {shows: map[string]string{
		"ptbget /readyz": "capturing", "ptbget /metrics": "version=", "ptbrelay selftest": "good",
	}},
	"Read the log": {shows: map[string]string{"journalctl -u ptbrelay -n 20": "log.level: info -> debug"}},
}
