package transport

import (
	"log/slog"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// What an interface cannot take is an error of that interface: a message that
// another one took is sent all the same.
func TestInterfacesThatFail(t *testing.T) {
	const count = 8
	down := func(t *testing.T, n *lab.Node, c *cable) { setDown(t, n, c.iface.Name) }
	deleted := func(t *testing.T, n *lab.Node, c *cable) { must(t, n.Handle().LinkDel(link(t, n, c.iface.Name))) }
	absent := func(_ *testing.T, _ *lab.Node, c *cable) { c.iface.Index = 0 }
	for _, c := range []struct {
		name   string
		faults []func(*testing.T, *lab.Node, *cable) // one an interface
		want   Result
		copies uint64
		errors uint64
		log    []string
	}{
		{"no interface", nil, NoPeers, 0, 0, nil},
		{"sound", []func(*testing.T, *lab.Node, *cable){nil}, Sent, count, 0, nil},
		{"down", []func(*testing.T, *lab.Node, *cable){down}, Failed, 0, count, []string{"WARN eth0"}},
		{"deleted", []func(*testing.T, *lab.Node, *cable){deleted}, Failed, 0, count, []string{"WARN eth0"}},
		{"absent", []func(*testing.T, *lab.Node, *cable){absent}, Failed, 0, count, []string{"WARN eth0"}},
		{"down, then sound", []func(*testing.T, *lab.Node, *cable){down, nil}, Sent, count, count, []string{"WARN eth0"}},
		{"sound, then absent", []func(*testing.T, *lab.Node, *cable){nil, absent}, Sent, count, count, []string{"WARN eth1"}},
		{"all three", []func(*testing.T, *lab.Node, *cable){deleted, down, absent}, Failed, 0, 3 * count,
			[]string{"WARN eth0", "WARN eth1", "WARN eth2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := labtest.Node(t, "host")
			var interfaces []Interface
			log := new(records)
			batch := items(count)
			check := func() {}
			for i, fault := range c.faults {
				cable := lay(t, n, []string{"eth0", "eth1", "eth2"}[i], 1500)
				if fault != nil {
					fault(t, n, &cable)
				} else {
					seen := tap(t, n, cable)
					check = func() {
						if got := len(arrived(t, n, cable, seen)); got != count {
							t.Errorf("%s: %d frames, want %d", cable.iface.Name, got, count)
						}
					}
				}
				interfaces = append(interfaces, cable.iface)
			}
			b := open(t, n, slog.New(log), interfaces...)
			checkResults(t, send(b, batch), all(c.want, count))
			checkStats(t, b, c.copies, c.errors)
			log.check(t, "after a batch", c.log...)
			check()
		})
	}
}

// A packet longer than the MTU fails alone: the rest of its batch goes out,
// and nobody is told that the interface is broken.
func TestPacketLongerThanMTU(t *testing.T) {
	n := labtest.Node(t, "host")
	narrow, wide := lay(t, n, "eth0", 1400), lay(t, n, "eth1", 1500)
	log := new(records)
	for _, c := range []struct {
		name   string
		long   []int // positions in a batch of 5
		length int
		failed bool
	}{
		{"as long as the MTU", []int{2}, 1400, false},
		{"one byte longer", []int{2}, 1401, true},
		{"first", []int{0}, 1500, true},
		{"last", []int{4}, 1500, true},
		{"two in a row", []int{1, 2}, 1500, true},
		{"all", []int{0, 1, 2, 3, 4}, 1401, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := tap(t, n, narrow)
			b := open(t, n, slog.New(log), narrow.iface)
			batch, want := items(5), all(Sent, 5)
			for _, i := range c.long {
				batch[i] = sized(c.length)
				if c.failed {
					want[i] = Failed
				}
			}
			var out []classify.Message
			for i, item := range batch {
				if want[i] == Sent {
					out = append(out, item)
				}
			}
			var results []Result
			onOneCPU(t, func() { results = send(b, batch) })
			checkResults(t, results, want)
			checkStats(t, b, uint64(len(out)), uint64(5-len(out)))
			checkFrames(t, "far end", arrived(t, n, narrow, seen), framesOf(narrow.iface.MAC, out))

			b.SetInterfaces([]Interface{narrow.iface, wide.iface})
			checkResults(t, send(b, batch), all(Sent, 5)) // the wide one takes them all
			log.check(t, "an interface that works")
		})
	}
}

// An interface that fails is logged once, and once when it is back, however
// many batches pass and however often the interfaces are set meanwhile.
func TestFailureIsLoggedOnce(t *testing.T) {
	n := labtest.Node(t, "host")
	failing, sound := lay(t, n, "eth0", 1500), lay(t, n, "eth1", 1500)
	interfaces := []Interface{failing.iface, sound.iface}
	log := new(records)
	b := open(t, n, slog.New(log), interfaces...)
	var want []string
	for range 2 {
		for range 3 {
			send(b, items(4))
		}
		log.check(t, "up", want...)
		setDown(t, n, "eth0")
		for range 3 {
			send(b, items(4))
			b.SetInterfaces(interfaces)
		}
		want = append(want, "WARN eth0")
		log.check(t, "down", want...)
		setUp(t, n, "eth0")
		awaitCarrier(t, n, "eth0")
		for range 3 {
			send(b, items(4))
			b.SetInterfaces(interfaces)
		}
		want = append(want, "INFO eth0")
		log.check(t, "up again", want...)
	}
	// 18 batches of 4 on two interfaces; 6 batches met one that was down.
	checkStats(t, b, 2*18*4-6*4, 6*4)
}

// An interface whose queue is full loses the frames that did not fit, counted,
// and is not called broken.
func TestQueueFull(t *testing.T) {
	n := labtest.Node(t, "host")
	c := lay(t, n, "eth0", 1500)
	shape(t, n, c, 3000)
	log := new(records)
	b := open(t, n, slog.New(log), c.iface)
	batch := items(200)
	sent := count(send(b, batch), Sent)
	if sent == 0 || sent == len(batch) {
		t.Fatalf("the queue took %d of %d", sent, len(batch))
	}
	checkStats(t, b, uint64(sent), uint64(len(batch)-sent))
	log.check(t, "queue full")
}

// A socket whose buffer is full takes nothing more; Send does not wait for it.
func TestSendBufferFull(t *testing.T) {
	n := labtest.Node(t, "host")
	c := lay(t, n, "eth0", 1500)
	shape(t, n, c, 1<<20)
	log := new(records)
	b := open(t, n, slog.New(log), c.iface)
	shrinkSendBuffer(t, b)
	batch := items(200)
	results := send(b, batch)
	sent := count(results, Sent)
	if sent == 0 || sent == len(batch) {
		t.Fatalf("the buffer took %d of %d", sent, len(batch))
	}
	checkResults(t, results, append(all(Sent, sent), all(Failed, len(batch)-sent)...))
	checkStats(t, b, uint64(sent), uint64(len(batch)-sent))
	log.check(t, "buffer full") // counted, and no fault of the interface
}

func count(results []Result, r Result) (n int) {
	for _, have := range results {
		if have == r {
			n++
		}
	}
	return n
}
