package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/transport"
)

// rotationRate is how many PTBs a second come in at each server while keys change,
// below every budget.
const rotationRate = 100

// rotating is a group that relays without a pause.
type rotating struct {
	*racks
	relays []*lab.Process
	floods []*labtest.Flood
}

func startRotating(t *testing.T, o lab.Options) *rotating {
	t.Helper()
	r := &rotating{racks: watchRacks(t, o)}
	for i := range r.Servers {
		r.relays = append(r.relays, r.start(i, labtest.Peers(r.Lab, lab.IPv4)...))
	}
	for i := range r.Servers {
		r.floods = append(r.floods, labtest.StartFloodToward(t, r.Lab, i, lab.Stream{
			Rate: rotationRate, Count: 60 * rotationRate, Fill: newForger(t, r.Lab, forgery{}, i).fill,
		}))
	}
	r.goesOn()
	return r
}

// goesOn returns when every server has opened copies of every other's that were
// relayed since.
func (r *rotating) goesOn() {
	r.t.Helper()
	const some = 5
	var relayed []float64
	for _, s := range r.Servers {
		relayed = append(relayed, metricsOf(r.t, s)[udpCopies])
	}
	labtest.Eventually(r.t, 5*time.Second, "the group goes on relaying", func() error {
		for i, s := range r.Servers {
			m, err := labtest.TryMetrics(r.t.Context(), s, labtest.MetricsURL)
			if err == nil && m[udpCopies] < relayed[i]+some*float64(len(r.Servers)-1) {
				err = fmt.Errorf("server %d relayed %v more copies", i, m[udpCopies]-relayed[i])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// step gives all servers these keys, one after the other.
func (r *rotating) step(keys ...string) {
	r.t.Helper()
	for i, s := range r.Servers {
		labtest.WriteKeys(r.t, s, keys...)
		reread(r.t, r.relays[i])
		r.goesOn()
	}
}

// end stops what comes in and checks that no copy was lost: each was opened by the
// member that it was for, and none refused.
func (r *rotating) end() {
	r.t.Helper()
	for i, f := range r.floods {
		if !f.Running() {
			r.t.Errorf("server %d: the flood was over too early", i)
		}
		f.Stop()
	}
	r.settle()
	r.check()
	for i, s := range r.Servers {
		m := metricsOf(r.t, s)
		others := 0.0
		for j, other := range r.Servers {
			if j != i {
				others += metricsOf(r.t, other)[udpCopies] / float64(len(r.Servers)-1)
			}
		}
		if opened := m[datagramMetric("ptb", "opened")]; opened != others || opened == 0 {
			r.t.Errorf("%s opened %v copies, %v were sent to it", s.Name(), opened, others)
		}
	}
}

// sealsWith waits until every server seals with a key, as the wire shows by its id.
func (r *rotating) sealsWith(key string) {
	r.t.Helper()
	want := newSession(r.t, key).keyID
	for i, tap := range r.wire {
		tap.Reset()
		sealed := awaitSealed(r.t, tap, lab.PacketOutgoing, transport.TypePTB)
		if got := sealed[labtest.EnvelopeKeyID]; got != want {
			r.t.Errorf("server %d seals with a key of id %d, want %d", i, got, want)
		}
	}
}

// A group of three changes its key in the three steps of the documentation, one
// server after the other, while each relays: no copy is lost or refused.
func TestRotationLosesNothing(t *testing.T) {
	old, fresh := labtest.Key(0), labtest.Key(1)
	r := startRotating(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1})
	r.sealsWith(old)
	r.step(old, fresh)
	r.sealsWith(old)
	r.step(fresh, old)
	r.sealsWith(fresh)
	r.step(fresh)
	r.sealsWith(fresh)
	r.end()
}

// A key file that is bad when the configuration is read again leaves the keys in
// force that were: the log and a metric say so, and no copy is lost.
func TestBadKeyFileLeavesTheKeys(t *testing.T) {
	const succeeded = "ptbrelay_config_reload_success"
	old, fresh := labtest.Key(0), labtest.Key(1)
	r := startRotating(t, lab.Options{Shape: lab.ShapeRouted, Servers: 2, Clients: 1})
	server, relay := r.Servers[0], r.relays[0]
	for _, bad := range []struct {
		text string
		mode fs.FileMode
		says string
	}{
		{fresh + "\nno key\n", 0o600, "line 2"},
		{fresh + "\n", 0o644, "chmod 0600"},
		{"# none\n", 0o600, "holds no key"},
		{"", 0, "no such file"},
	} {
		replaceKeyFile(t, server, bad.text, bad.mode)
		hangUp(t, relay, "configuration refused")
		if log := relay.Log(); !strings.Contains(log[strings.LastIndex(log, "configuration refused"):], bad.says) {
			t.Errorf("the log does not say %q:\n%s", bad.says, log)
		}
		await(t, server, succeeded, 0)
		r.goesOn()
		r.sealsWith(old)
	}
	replaceKeyFile(t, server, old+"\n", 0o600)
	reread(t, relay)
	await(t, server, succeeded, 1)
	r.end()
}

// replaceKeyFile makes a server's key file anew; without a mode there is none.
func replaceKeyFile(t testing.TB, server *lab.Node, text string, mode fs.FileMode) {
	t.Helper()
	err := server.Do(func() error {
		if err := os.Remove(labtest.KeyFile); err != nil && !errors.Is(err, fs.ErrNotExist) || mode == 0 {
			return err
		}
		// The mode that a file is made with depends on the umask.
		return errors.Join(os.WriteFile(labtest.KeyFile, []byte(text), mode), os.Chmod(labtest.KeyFile, mode))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// hangUp has a daemon read its configuration again, and returns when it has said
// this once more.
func hangUp(t testing.TB, p *lab.Process, says string) {
	t.Helper()
	before := strings.Count(p.Log(), says)
	if err := p.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, 5*time.Second, "the daemon says: "+says, func() error {
		if strings.Count(p.Log(), says) == before {
			return errNotYet
		}
		return nil
	})
}
