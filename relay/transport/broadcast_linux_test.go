package transport

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/labtest"
)

// A frame is the broadcast address, the interface's own, the EtherType and the
// packet as it came, whatever its TTL, options or padding.
func TestFrameIsVerbatim(t *testing.T) {
	n := labtest.Node(t, "host")
	c := lay(t, n, "eth0", 1500)
	seen := tap(t, n, c)
	b := open(t, n, quiet, c.iface)
	for name, p := range map[string]classifytest.PTB{
		"IPv4":             {},
		"IPv6":             {Family: classify.IPv6},
		"IPv4 large quote": {QuoteBytes: 1232},
		"IPv6 large quote": {Family: classify.IPv6, QuoteBytes: 1232},
		"IPv4 options":     {Options: []byte{0x94, 4, 0, 0}},
		"IPv4 odd length":  {QuoteBytes: 101},
	} {
		t.Run(name, func(t *testing.T) {
			seen.Reset()
			item := classify.Message{Packet: p.Bytes(), Family: classify.IPv4}
			if p.Family == classify.IPv6 {
				item.Family = classify.IPv6
			}
			before := slices.Clone(item.Packet)
			checkResults(t, send(b, []classify.Message{item}), all(Sent, 1))
			checkFrames(t, "far end", arrived(t, n, c, seen), [][]byte{frame(c.iface.MAC, classify.Message{Packet: before, Family: item.Family})})
		})
	}
}

// A full batch of both families arrives whole and in order.
func TestFullBatch(t *testing.T) {
	n := labtest.Node(t, "host")
	c := lay(t, n, "eth0", 1500)
	seen := tap(t, n, c)
	b := open(t, n, quiet, c.iface)
	batch := items(256)
	var results []Result
	onOneCPU(t, func() { results = send(b, batch) })
	checkResults(t, results, all(Sent, len(batch)))
	checkStats(t, b, 256, 0)
	checkFrames(t, "far end", arrived(t, n, c, seen), framesOf(c.iface.MAC, batch))
}

// onOneCPU keeps f from moving: veth keeps order only among frames that were
// sent on the same CPU.
func onOneCPU(t *testing.T, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var allowed, one unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &allowed))
	for cpu := 0; one.Count() == 0; cpu++ {
		if allowed.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	must(t, unix.SchedSetaffinity(0, &one))
	f()
	must(t, unix.SchedSetaffinity(0, &allowed))
}

// Every interface gets every message, each from its own address.
func TestSeveralInterfaces(t *testing.T) {
	n := labtest.Node(t, "host")
	one, two := lay(t, n, "eth0", 1500), lay(t, n, "eth1", 1400)
	seenOne, seenTwo := tap(t, n, one), tap(t, n, two)
	b := open(t, n, quiet, one.iface, two.iface)
	batch := items(20)
	var results []Result
	onOneCPU(t, func() { results = send(b, batch) })
	checkResults(t, results, all(Sent, 20))
	checkStats(t, b, 40, 0)
	checkFrames(t, "eth0", arrived(t, n, one, seenOne), framesOf(one.iface.MAC, batch))
	checkFrames(t, "eth1", arrived(t, n, two, seenTwo), framesOf(two.iface.MAC, batch))
}

// Interfaces that change are used from the next batch on: another one, another
// address, none.
func TestSetInterfaces(t *testing.T) {
	n := labtest.Node(t, "host")
	one, two := lay(t, n, "eth0", 1500), lay(t, n, "eth1", 1400)
	seenOne, seenTwo := tap(t, n, one), tap(t, n, two)
	b := open(t, n, quiet, one.iface)
	batch := items(1)

	renumbered := two
	renumbered.iface.MAC = [6]byte{2, 0, 0x5e, 0x10, 0xaa, 0xbb}
	b.SetInterfaces([]Interface{renumbered.iface})
	checkResults(t, send(b, batch), all(Sent, 1))
	checkFrames(t, "eth0", arrived(t, n, one, seenOne), nil)
	checkFrames(t, "eth1", arrived(t, n, two, seenTwo), framesOf(renumbered.iface.MAC, batch))

	b.SetInterfaces(nil)
	checkResults(t, send(b, batch), all(NoPeers, 1))
	checkStats(t, b, 1, 0)
}

// SetInterfaces may come at any moment of a Send; each batch sees one set of interfaces.
func TestSetInterfacesWhileSending(t *testing.T) {
	n := labtest.Node(t, "host")
	one, two := lay(t, n, "eth0", 1500), lay(t, n, "eth1", 1400)
	gone := Interface{Name: "gone"}
	b := open(t, n, quiet, one.iface)

	stop := make(chan struct{})
	var changing sync.WaitGroup
	changing.Go(func() {
		sets := [][]Interface{{two.iface}, {gone}, {one.iface}}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				b.SetInterfaces(sets[i%len(sets)])
				b.Stats()
				runtime.Gosched()
			}
		}
	})
	batch := items(16)
	var sent uint64
	const batches = 500
	for range batches {
		results := send(b, batch)
		if !slices.Equal(results, all(results[0], len(batch))) || results[0] == NoPeers {
			t.Fatalf("a batch saw two sets of interfaces: %v", results)
		}
		if results[0] == Sent {
			sent += uint64(len(batch))
		}
	}
	close(stop)
	changing.Wait()
	checkStats(t, b, sent, batches*uint64(len(batch))-sent)
}

func TestSendDoesNotAllocate(t *testing.T) {
	n := labtest.Node(t, "host")
	one, two := lay(t, n, "eth0", 1500), lay(t, n, "eth1", 1400)
	b := open(t, n, quiet, one.iface, two.iface, Interface{Name: "gone"})
	batch := items(64)
	results := make([]Result, len(batch))
	if n := testing.AllocsPerRun(100, func() { b.Send(time.Time{}, batch, results) }); n != 0 {
		t.Errorf("a batch allocates %v times", n)
	}
	checkStats(t, b, 101*128, 101*64)
}

// Without the capability the error names it; without the right to a large
// buffer there is a smaller one.
func TestCapabilities(t *testing.T) {
	n := labtest.Node(t, "host")
	for _, c := range []struct {
		name    string
		without uint
		fails   bool
	}{
		{"without CAP_NET_RAW", unix.CAP_NET_RAW, true},
		{"without CAP_NET_ADMIN", unix.CAP_NET_ADMIN, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, n.Do(func() error { // on a thread that ends with it
				if err := drop(c.without); err != nil {
					return err
				}
				b, err := NewBroadcast(1, nil, quiet)
				if err == nil {
					err = b.Close()
				} else if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_NET_RAW") {
					return fmt.Errorf("the error does not name the capability: %w", err)
				} else if c.fails {
					return nil
				}
				if c.fails {
					return errors.New("the socket opened")
				}
				return err
			}))
		})
	}
}

// drop takes one capability from the calling thread.
func drop(capability uint) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[capability/32].Effective &^= 1 << (capability % 32)
	return unix.Capset(&header, &data[0])
}
