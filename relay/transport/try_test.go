package transport

import (
	"fmt"
	"log/slog"
	"os"
	"testing"

	vish "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/labtest"
)

func TestTry(t *testing.T) {
	n := labtest.Node(t, "host")
	h := n.Handle()
	h.LinkAdd(&vish.Veth{LinkAttrs: vish.LinkAttrs{Name: "a0", MTU: 1400}, PeerName: "a1"})
	a0, _ := h.LinkByName("a0")
	h.LinkSetUp(a0)
	try := func(name string, items int) {
		var b *Broadcast
		n.Do(func() (err error) {
			b, err = NewBroadcast(256, []Port{{"a0", a0.Attrs().Index, [6]byte{2}}}, slog.New(slog.NewTextHandler(os.Stdout, nil)))
			return err
		})
		var batch []Item
		for range items {
			batch = append(batch, Item{classifytest.PTB{}.Bytes(), 1})
		}
		b.Send(batch, make([]Result, items))
		fmt.Println(name, b.Stats())
		unix.SetsockoptInt(b.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1)
		b.Send(batch, make([]Result, items))
		fmt.Println(name, b.Stats())
		b.Close()
	}
	try("peer down", 20)
	a1, _ := h.LinkByName("a1")
	h.LinkSetUp(a1)
	try("up", 20)
	for _, q := range []vish.Qdisc{
		&vish.Tbf{QdiscAttrs: vish.QdiscAttrs{LinkIndex: a0.Attrs().Index, Handle: vish.MakeHandle(1, 0), Parent: vish.HANDLE_ROOT}, Rate: 1000, Limit: 3000, Buffer: 150000},
		&vish.Fq{QdiscAttrs: vish.QdiscAttrs{LinkIndex: a0.Attrs().Index, Handle: vish.MakeHandle(1, 0), Parent: vish.HANDLE_ROOT}},
		&vish.Htb{QdiscAttrs: vish.QdiscAttrs{LinkIndex: a0.Attrs().Index, Handle: vish.MakeHandle(1, 0), Parent: vish.HANDLE_ROOT}},
		&vish.Prio{QdiscAttrs: vish.QdiscAttrs{LinkIndex: a0.Attrs().Index, Handle: vish.MakeHandle(1, 0), Parent: vish.HANDLE_ROOT}},
		&vish.PfifoFast{QdiscAttrs: vish.QdiscAttrs{LinkIndex: a0.Attrs().Index, Handle: vish.MakeHandle(1, 0), Parent: vish.HANDLE_ROOT}},
		&vish.GenericQdisc{QdiscAttrs: vish.QdiscAttrs{LinkIndex: a0.Attrs().Index, Handle: vish.MakeHandle(1, 0), Parent: vish.HANDLE_ROOT}, QdiscType: "plug"},
	} {
		fmt.Println(q.Type(), h.QdiscAdd(q))
		try(q.Type(), 20)
		h.QdiscDel(q)
	}
	err := n.Do(func() error {
		tap := &vish.Tuntap{LinkAttrs: vish.LinkAttrs{Name: "tap0", TxQLen: 3}, Mode: vish.TUNTAP_MODE_TAP, Queues: 1, NonPersist: true}
		fmt.Println(vish.LinkAdd(tap), len(tap.Fds))
		t0, err := vish.LinkByName("tap0")
		if err != nil {
			return err
		}
		fmt.Println(vish.LinkSetTxQLen(t0, 3))
		fmt.Println(vish.LinkSetUp(t0), t0.Attrs().EncapType)
		a0 = t0
		return nil
	})
	fmt.Println(err)
	try("tap", 20)
}
