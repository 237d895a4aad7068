package classify_test

import (
	"net/netip"

	"github.com/google/go-cmp/cmp"
)

// comparers let go-cmp look at addresses by value.
var comparers = []cmp.Option{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}
