package integration

import (
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

const (
	saysPaused  = "paused: nothing is sent or injected until `ptbrelay resume`\n"
	saysResumed = "goes on\n"
)

// While all daemons are paused not one copy leaves and connections hang; a reload
// does not end that. As soon as they go on, those very connections heal.
func TestPauseHoldsAndResumeHeals(t *testing.T) {
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			l, relays := startGroup(t, transport, lab.Options{Clients: 16})
			w := watchLeaving(t, l)
			obeyed(t, l.Servers, saysPaused, "pause")
			downloads := startDownloads(t, l, lab.Load{Timeout: 15 * time.Second})
			for _, f := range lab.Families() {
				atLeast(t, l, outcomeMetric(f.String(), "paused"), 1)
			}
			obeyed(t, l.Servers, "was paused already\n", "pause")
			for i, s := range l.Servers {
				reread(t, relays[i])
				checkPaused(t, s, true)
				if n := w.left(i); n != 0 {
					t.Errorf("%d copies left %s, which is paused", n, s.Name())
				}
			}
			for _, f := range lab.Families() {
				if n := total(t, l, outcomeMetric(f.String(), "relayed")); n != 0 {
					t.Errorf("%v %v PTBs relayed while paused", n, f)
				}
			}

			obeyed(t, l.Servers, saysResumed, "resume")
			allFinished(t, downloads())
			copies := 0
			for i, s := range l.Servers {
				checkPaused(t, s, false)
				copies += w.left(i)
				checkLaws(t, s)
			}
			for _, f := range lab.Families() {
				if total(t, l, outcomeMetric(f.String(), "relayed")) == 0 {
					t.Errorf("no %v connection hung until then", f)
				}
			}
			if copies == 0 {
				t.Error("no copies left afterwards: they are not seen")
			}
			obeyed(t, l.Servers, "was not paused\n", "resume")
		})
	}
}

// startDownloads starts a load; the returned function waits for it.
func startDownloads(t testing.TB, l *lab.Lab, load lab.Load) (wait func() lab.Report) {
	t.Helper()
	var r lab.Report
	ended := make(chan error, 1)
	go func() {
		var err error
		r, err = l.Downloads(t.Context(), load)
		ended <- err
	}()
	return func() lab.Report {
		t.Helper()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// checkPaused fails the test unless metrics and snapshot say what is wanted.
func checkPaused(t testing.TB, server *lab.Node, want bool) {
	t.Helper()
	if got := metricsOf(t, server)["ptbrelay_paused"] == 1; got != want {
		t.Errorf("%s: the metric says paused %v, want %v", server.Name(), got, want)
	}
	if got := ask(t, server, control.Client.Snapshot).Paused; got != want {
		t.Errorf("%s: the snapshot says paused %v, want %v", server.Name(), got, want)
	}
}

// A paused member injects nothing of what the others send it, and counts it;
// afterwards it injects again.
func TestPausedPeerInjectsNothing(t *testing.T) {
	l, _ := startGroup(t, config.TransportUDP, lab.Options{Clients: 1})
	paused := l.Servers[1]
	loopbacks := []*lab.Tap{nil, labtest.Tap(t, paused, "lo"), labtest.Tap(t, l.Servers[2], "lo")}
	injected := func(server int) int {
		t.Helper()
		return len(lab.PTBs(labtest.Fence(t, l.Servers[server], "lo", loopbacks[server])))
	}
	relayBoth := func(port uint16, delivery string) {
		t.Helper()
		for _, ptb := range ptbs(port) {
			labtest.FromRouter(t, l, 0, ptb.Bytes())
			await(t, paused, deliveryMetric(ptb.Family.String(), delivery), 1)
		}
	}
	obeyed(t, l.Servers[1:2], saysPaused, "pause")
	relayBoth(44000, "paused")
	for _, f := range lab.Families() {
		await(t, l.Servers[2], deliveryMetric(f.String(), "injected"), 1)
	}
	if here, there := injected(1), injected(2); here != 0 || there == 0 {
		t.Errorf("PTBs on the loopback of the paused server: %d, of another one: %d", here, there)
	}
	obeyed(t, l.Servers[1:2], saysResumed, "resume")
	relayBoth(44001, "injected")
	if injected(1) == 0 {
		t.Error("nothing on the loopback of the server that goes on")
	}
	for _, s := range l.Servers {
		checkLaws(t, s)
	}
}

// What a pause holds back is not made up for: the window of a flow begins all
// the same, and its next PTB is a duplicate for that long.
func TestPauseOpensWindow(t *testing.T) {
	l, _ := startGroup(t, config.TransportBroadcast, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	w := watchLeaving(t, l)
	obeyed(t, l.Servers[:1], saysPaused, "pause")
	packet := classifytest.PTB{ClientPort: 44002}.Bytes()
	labtest.FromRouter(t, l, 0, packet)
	labtest.FromRouter(t, l, 0, packet)
	await(t, server, outcomeMetric("ipv4", "paused"), 1)
	await(t, server, outcomeMetric("ipv4", "duplicate"), 1)
	if n := w.left(0); n != 0 {
		t.Errorf("%d copies left", n)
	}
	checkLaws(t, server)
}
