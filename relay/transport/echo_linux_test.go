package transport

import (
	"context"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// echoOn runs an Echo on one interface of the node until the test ends.
func echoOn(t *testing.T, n *lab.Node, i Interface) (e *Echo) {
	t.Helper()
	must(t, n.Do(func() (err error) {
		e, err = OpenEcho([]Interface{i})
		return err
	}))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// farEnd is the other end of a cable as an interface to send on.
func (c cable) farEnd(t *testing.T, n *lab.Node) Interface {
	t.Helper()
	a := link(t, n, c.far).Attrs()
	return Interface{Name: a.Name, Index: a.Index, MAC: [6]byte(a.HardwareAddr)}
}

// ask asks, and gives what is there to answer its time.
func ask(t *testing.T, e *Echo, within time.Duration) []EchoHeard {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	heard, err := e.Ask(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return heard
}

func TestEchoIsHeard(t *testing.T) {
	n := labtest.Node(t, "host")
	c := lay(t, n, "eth0", 1500)
	asker := echoOn(t, n, c.iface)
	if heard := ask(t, asker, 100*time.Millisecond); len(heard) != 0 {
		t.Fatalf("nobody is there, and heard %+v", heard)
	}
	echoOn(t, n, c.farEnd(t, n))
	heard := ask(t, asker, 500*time.Millisecond)
	if len(heard) != 1 {
		t.Fatalf("heard %+v, want one", heard)
	}
	h := heard[0]
	if h.MAC != c.farEnd(t, n).MAC || h.Interface != "eth0" || h.RoundTrip <= 0 || h.RoundTrip > 500*time.Millisecond {
		t.Errorf("heard %+v", h)
	}
	if h.Clock.Abs() > h.RoundTrip/2+2*time.Millisecond {
		t.Errorf("both have one clock, and it says %v after a round trip of %v", h.Clock, h.RoundTrip)
	}
}

// Whoever asks too often gets ten answers a second, and no frame that is not an
// ask gets one.
func TestEchoAnswersAreFew(t *testing.T) {
	n := labtest.Node(t, "host")
	c := lay(t, n, "eth0", 1500)
	echoOn(t, n, c.iface)
	far := c.farEnd(t, n)
	answers := labtest.TapWith(t, n, c.far, lab.TapOptions{All: true, Types: []lab.PacketType{lab.PacketHost}})
	for _, odd := range []echoFrame{
		{to: broadcastMAC, from: far.MAC, kind: echoAnswer},  // an answer to all
		{to: broadcastMAC, from: far.MAC, kind: 3},           // of a newer version
		{to: c.iface.MAC, from: far.MAC, kind: echoAsk},      // an ask to one
		{to: broadcastMAC, from: c.iface.MAC, kind: echoAsk}, // with our own address
		{to: c.iface.MAC, from: far.MAC, kind: echoAnswer},   // to what nobody asked
	} {
		must(t, n.SendFrame(c.far, odd.bytes()))
	}
	begin := time.Now()
	const asks = 200
	for i := range asks {
		must(t, n.SendFrame(c.far, echoFrame{to: broadcastMAC, from: far.MAC, kind: echoAsk, nonce: nonce{byte(i)}}.bytes()))
	}
	var got []lab.Frame
	labtest.Eventually(t, 5*time.Second, "ten answers come", func() error {
		got = answers.Frames()
		if len(got) < echoRate {
			return fmt.Errorf("%d", len(got))
		}
		return nil
	})
	labtest.Quiet(t, 50*time.Millisecond, "no more come", func() error {
		got = answers.Frames()
		if most := echoRate + int(time.Since(begin).Seconds()*echoRate); len(got) > most {
			return fmt.Errorf("%d answers, at most %d may be", len(got), most)
		}
		return nil
	})
	for i, a := range got {
		f, ok := parseEcho(a.Data)
		want := echoFrame{to: far.MAC, from: c.iface.MAC, kind: echoAnswer, nonce: nonce{byte(i)}, ms: f.ms}
		if !ok || f != want {
			t.Errorf("answer %d is %s, read as %+v, want %+v", i, hex.EncodeToString(a.Data), f, want)
		}
	}
}

// Who answers twice counts once, and of those who answer under ever other addresses
// only so many do.
func TestEchoesAreBounded(t *testing.T) {
	q := &inquiry{sent: time.Now()}
	e := &Echo{asked: map[nonce]*inquiry{{1}: q}}
	answer := func(i int) {
		e.note(echoFrame{from: [6]byte{2, byte(i >> 8), byte(i)}, nonce: nonce{1}}, "eth0", time.Now())
	}
	answer(7)
	answer(7)
	if len(q.echoes) != 1 {
		t.Errorf("%d echoes of one who answered twice", len(q.echoes))
	}
	for i := range mostEchoes + 10 {
		answer(i)
	}
	if len(q.echoes) != mostEchoes {
		t.Errorf("%d echoes, want %d", len(q.echoes), mostEchoes)
	}
}

// An interface that is gone is an error that names it; the others are asked.
func TestEchoWithoutInterface(t *testing.T) {
	n := labtest.Node(t, "host")
	c := lay(t, n, "eth0", 1500)
	e := echoOn(t, n, c.iface)
	echoOn(t, n, c.farEnd(t, n))
	e.SetInterfaces([]Interface{{Name: "gone0"}, c.iface})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	heard, err := e.Ask(ctx)
	if len(heard) != 1 || err == nil || err.Error() != "interface gone0: "+errAbsent.Error() {
		t.Errorf("heard %v, error %v", heard, err)
	}
}

// The filter in the kernel and the parser read the same frames.
func FuzzEcho(f *testing.F) {
	vm, err := bpf.NewVM(isEcho)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(echoFrame{to: broadcastMAC, kind: echoAsk, nonce: nonce{1, 2}, ms: 1700000000000}.bytes())
	f.Add(echoFrame{kind: echoAnswer, ms: -1}.bytes())
	f.Add(labtest.Marker())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok := parseEcho(b)
		passed, err := vm.Run(b)
		if ok && (err != nil || passed == 0) {
			t.Fatal("the kernel would drop what the parser reads")
		}
		if !ok {
			return
		}
		again, ok := parseEcho(e.bytes())
		if !ok || again != e {
			t.Errorf("%+v written and read is %+v", e, again)
		}
	})
}
