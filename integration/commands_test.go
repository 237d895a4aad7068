package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

// commandWithin bounds a command that ends by itself.
const commandWithin = 20 * time.Second

// transports are all that there are.
var transports = []config.Transport{config.TransportBroadcast, config.TransportUDP}

// startGroup runs ptbrelay with these arguments on every server of a lab whose
// shape fits the transport, and returns when all capture and, with udp, hear each
// other.
func startGroup(t testing.TB, transport config.Transport, o lab.Options, args ...string) (l *lab.Lab, relays []*lab.Process) {
	t.Helper()
	if transport == config.TransportUDP {
		o.Shape = lab.ShapeRouted
		l = labtest.New(t, o)
		return l, labtest.UDPRelays(t, l, lab.IPv4, args...)
	}
	l = labtest.New(t, o)
	for _, s := range l.Servers {
		relays = append(relays, labtest.StartRelay(t, s, args...))
	}
	return l, relays
}

// command runs a command of ptbrelay on a server, as its operator does, and
// returns its exit code and all that it printed.
func command(t testing.TB, server *lab.Node, args ...string) (code int, printed string) {
	t.Helper()
	return ended(t, labtest.Start(t, server, args...))
}

// ended waits for the end of a command.
func ended(t testing.TB, p *lab.Process) (code int, printed string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandWithin)
	defer cancel()
	code, err := p.Wait(ctx)
	if err != nil {
		t.Fatalf("%v; it printed\n%s", err, p.Log())
	}
	return code, p.Log()
}

// obeyed runs a command on servers at once and fails the test unless all succeed
// and print this.
func obeyed(t testing.TB, servers []*lab.Node, want string, args ...string) {
	t.Helper()
	var commands []*lab.Process
	for _, s := range servers {
		commands = append(commands, labtest.Start(t, s, args...))
	}
	for i, c := range commands {
		if code, printed := ended(t, c); code != 0 || printed != want {
			t.Errorf("%v on %s: exit code %d, want 0 and %q:\n%s", args, servers[i].Name(), code, want, printed)
		}
	}
}

// ask puts a question to the daemon on a server by its socket, as commands do.
func ask[Answer any](t testing.TB, server *lab.Node, question func(control.Client, context.Context) (Answer, error)) Answer {
	t.Helper()
	answer, err := tryAsk(t.Context(), server, question)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// tryAsk is ask for any goroutine. Sockets are found by the path that the calling
// thread sees.
func tryAsk[Answer any](ctx context.Context, server *lab.Node, question func(control.Client, context.Context) (Answer, error)) (answer Answer, err error) {
	err = server.Do(func() (err error) {
		answer, err = question(control.Client{Path: config.Default().Control}, ctx)
		return err
	})
	return answer, err
}

// reread has a daemon read its configuration again, and returns when it has.
func reread(t testing.TB, p *lab.Process) {
	t.Helper()
	hangUp(t, p, readAgain+" cause=signal")
}

// leaving watches the copies that leave servers.
type leaving struct {
	t    testing.TB
	lab  *lab.Lab
	taps []*lab.Tap // by server: behind its cable
}

func watchLeaving(t testing.TB, l *lab.Lab) *leaving {
	t.Helper()
	w := &leaving{t: t, lab: l}
	if l.Options.Shape == lab.ShapeSegment {
		w.taps = slices.Repeat([]*lab.Tap{labtest.Tap(t, l.Switch, "br0")}, len(l.Servers))
		return w
	}
	for i := range l.Servers {
		w.taps = append(w.taps, labtest.TapWith(t, l.Router, l.RouterInterface(i), lab.TapOptions{
			UDPPorts: []uint16{config.Default().UDP.Port}, Types: []lab.PacketType{lab.PacketHost, lab.PacketBroadcast},
		}))
	}
	return w
}

// left is how many copies have left a server.
func (w *leaving) left(server int) (count int) {
	w.t.Helper()
	node := w.lab.Servers[server]
	mac := labtest.MAC(w.t, node, "eth0")
	for _, f := range labtest.Fence(w.t, node, "eth0", w.taps[server]) {
		if [6]byte(f.Data[6:]) == mac && isCopy(f) {
			count++
		}
	}
	return count
}

// isCopy tells broadcast PTBs and sealed ones, of which the envelope's second byte
// says that they are no probes. The fabric is that of startGroup, IPv4.
func isCopy(f lab.Frame) bool {
	const sealed4, typePTB = 14 + 20 + 8, 1
	if _, ptb := lab.ParsePTB(f); ptb {
		return f.Type == lab.PacketBroadcast
	}
	return f.Type == lab.PacketHost && len(f.Data) > sealed4+1 && f.Data[sealed4+1] == typePTB
}

// total is a metric's sum over all servers.
func total(t testing.TB, l *lab.Lab, metric string) (n float64) {
	t.Helper()
	for _, s := range l.Servers {
		n += metricsOf(t, s)[metric]
	}
	return n
}

// atLeast waits until a metric has some value over all servers.
func atLeast(t testing.TB, l *lab.Lab, metric string, want float64) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, fmt.Sprintf("%s is %v or more", metric, want), func() error {
		if n := total(t, l, metric); n < want {
			return fmt.Errorf("it is %v", n)
		}
		return nil
	})
}
