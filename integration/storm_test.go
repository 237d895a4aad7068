package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// wire watches the copies on the servers' segment: the switch's own port sees
// every broadcast once.
type wire struct {
	t    testing.TB
	lab  *lab.Lab
	tap  *lab.Tap
	seen int // frames expected so far
}

func watchWire(t testing.TB, l *lab.Lab) *wire {
	t.Helper()
	return &wire{t: t, lab: l, tap: labtest.Tap(t, l.Switch, "br0")}
}

// send has the router send a server one PTB of each family.
func (w *wire) send(server int, clientPort uint16) {
	w.t.Helper()
	for _, ptb := range ptbs(clientPort) {
		labtest.FromRouter(w.t, w.lab, server, ptb.Bytes())
	}
}

// silence is how long nothing more may come: a loop's next frame takes less than
// a millisecond, one that waits for a window of 150 ms to close not much more.
const silence = 400 * time.Millisecond

// expect waits for exactly so many more frames, and then for silence.
func (w *wire) expect(frames int) {
	w.t.Helper()
	w.seen += frames
	count := func() error {
		if n := len(broadcasts(w.tap.Frames())); n != w.seen {
			return fmt.Errorf("%d frames in all, want %d", n, w.seen)
		}
		return nil
	}
	labtest.Eventually(w.t, 5*time.Second, "copies on the wire", count)
	labtest.Quiet(w.t, silence, "silence after them", count)
}

// checkReceived fails the test unless a daemon got exactly so many PTBs to see.
func checkReceived(t testing.TB, server *lab.Node, want float64) {
	t.Helper()
	if got := sum(metricsOf(t, server), "ptbrelay_received_total"); got != want {
		t.Errorf("%s received %v PTBs, want %v", server.Name(), got, want)
	}
	checkLaws(t, server)
}

// Where every daemon is fed the copies of the others, because the operator's
// rules forgot to pass over broadcasts, each relays a PTB once and then knows it.
func TestNoStormWithoutPkttype(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1})
	for _, s := range l.Servers {
		logAnyPTB(t, s)
	}
	labtest.StartRelays(t, l, "--config", writeConfig(t, "rules: {manage: false}\n"))
	w := watchWire(t, l)
	w.send(0, 43000)
	w.expect(2 * len(l.Servers))
	for i, s := range l.Servers {
		fromOthers := float64(len(l.Servers) - 1)
		duplicates := fromOthers
		if i != 0 {
			duplicates-- // the first of them was news
		}
		for _, f := range lab.Families() {
			await(t, s, outcomeMetric(f.String(), "relayed"), 1)
			await(t, s, outcomeMetric(f.String(), "duplicate"), duplicates)
		}
		checkReceived(t, s, 2*(1+duplicates))
	}
}

// logAnyPTB loads rules that log every PTB, in whatever frame it came, to the
// daemon's group.
func logAnyPTB(t testing.TB, n *lab.Node) {
	t.Helper()
	err := n.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		table := conn.AddTable(&nftables.Table{Name: "handmade", Family: nftables.TableFamilyINet})
		prerouting := conn.AddChain(&nftables.Chain{
			Name: "prerouting", Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
		})
		for _, f := range lab.Families() {
			log := &expr.Log{Key: 1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_QTHRESHOLD, Group: 33, QThreshold: 1}
			conn.AddRule(&nftables.Rule{Table: table, Chain: prerouting, Exprs: append(lab.MatchPTB(f), log)})
		}
		return conn.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
}
