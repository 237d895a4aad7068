package integration

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Interfaces may be named almost anything. What is said of them is whole, what is
// printed is plain text, and the commands mend them.
func TestDoctorOfOddNames(t *testing.T) {
	e := newEdge(t, lab.Options{}, "")
	before := e.doctor().told()
	names := []string{"eth0.100", "a-b_c~", "ünï", "x;y&z", "$(id)", "a'b\"c", "[31m\x1b[0m", "\\n", "all2"}
	for i, name := range names {
		e.addOdd(name, fmt.Sprintf("far%d", i))
	}
	strict := e.doctor()
	var found diagnosis
	for _, f := range strict.of("rp-filter") {
		if f.severity == "warning" {
			found = append(found, f)
		}
	}
	t.Logf("%+v", found)
	_, text := command(t, e.Node, "doctor", "--config", edgeConfig)
	t.Log(text)
	if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
		t.Errorf("text has a control character: %q", text[i:min(len(text), i+20)])
	}
	for _, f := range found {
		e.mend(f.mend)
	}
	if diff := cmp.Diff(before, e.doctor().told()); diff != "" {
		t.Errorf("mended, -want +got:\n%s", diff)
	}
}

// addOdd adds an interface that is up, whose reverse path filter is strict.
func (e edge) addOdd(name, far string) {
	e.t.Helper()
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	e.must(e.Handle().LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: far}))
	e.must(e.Handle().LinkSetUp(e.link(name)))
	e.set("net/ipv4/conf/"+name+"/rp_filter", "1")
}

var _ = context.Background
var _ net.IP
var _ = slices.Max[[]int]
var _ syscall.Errno
var _ time.Time
var _ nftables.Table
var _ expr.Any
var _ = labtest.Drop
