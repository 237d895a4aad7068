package integration

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

// injections counts the PTBs that come in on a server's lo, and when: a counter of
// nftables is read again and again, which at these rates a tap could not keep up
// with everywhere.
type injections struct {
	t      *testing.T
	server *lab.Node
	conn   *nftables.Conn
	object *nftables.CounterObj
	stop   func()

	readings []reading // by run, as err
	err      error
}

// reading is what was counted at some moment between two.
type reading struct {
	before, after time.Time
	count         uint64
}

// readEvery is the pace of the readings.
const readEvery = 20 * time.Millisecond

func countInjections(t *testing.T, server *lab.Node) *injections {
	t.Helper()
	i := &injections{t: t, server: server}
	if err := server.Do(i.install); err != nil {
		t.Fatalf("count injections on %s: %v", server.Name(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		i.run(ctx)
	}()
	i.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(i.stop)
	return i
}

func (i *injections) install() (err error) {
	if i.conn, err = nftables.New(nftables.AsLasting()); err != nil {
		return err
	}
	i.t.Cleanup(func() { _ = i.conn.CloseLasting() })
	table := i.conn.AddTable(&nftables.Table{Name: "injections", Family: nftables.TableFamilyINet})
	chain := i.conn.AddChain(&nftables.Chain{
		Name: "prerouting", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityFilter,
	})
	i.object = &nftables.CounterObj{Table: table, Name: "ptbs"}
	i.conn.AddObj(i.object)
	for _, f := range lab.Families() {
		i.conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(lab.MatchPTB(f),
			&expr.Meta{Register: 1, Key: expr.MetaKeyIIFTYPE},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint16(unix.ARPHRD_LOOPBACK)},
			&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: i.object.Name})})
	}
	return i.conn.Flush()
}

// run reads until the context ends, and then once more.
func (i *injections) run(ctx context.Context) {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for err := i.read(); err == nil && ctx.Err() == nil; err = i.read() {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func (i *injections) read() error {
	r := reading{before: time.Now()}
	object, err := i.conn.GetObject(i.object)
	r.after = time.Now()
	counter, ok := object.(*nftables.CounterObj)
	if err == nil && !ok {
		err = fmt.Errorf("the kernel gave a %T", object)
	}
	if i.err = err; err == nil {
		r.count = counter.Packets
		i.readings = append(i.readings, r)
	}
	return err
}

// check ends the count at rest and fails the test unless it is what the daemon says
// to have injected, and between no two readings more than the budget allows.
func (i *injections) check(budget peerBudget) {
	i.t.Helper()
	i.stop()
	if i.err != nil {
		i.t.Fatalf("count injections on %s: %v", i.server.Name(), i.err)
	}
	m := metricsOf(i.t, i.server)
	said := m[deliveryMetric("ipv4", "injected")] + m[deliveryMetric("ipv6", "injected")]
	last := i.readings[len(i.readings)-1]
	if float64(last.count) != said {
		i.t.Errorf("%s: %v injected, %d PTBs on lo", i.server.Name(), said, last.count)
	}
	for n, r := range i.readings {
		for _, since := range i.readings[:n] {
			took := r.after.Sub(since.before)
			allowed := float64(budget.deliverBurst) + float64(budget.deliver)*took.Seconds()
			if injected := r.count - since.count; float64(injected) > allowed {
				i.t.Fatalf("%s: %d injections in %v, at most %.0f", i.server.Name(), injected, took, allowed)
			}
		}
	}
	i.t.Logf("%s: %d injections in %v", i.server.Name(), last.count, last.after.Sub(i.readings[0].before).Round(time.Millisecond))
}
