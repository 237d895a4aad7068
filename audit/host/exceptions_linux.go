package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxExceptions bounds how many are told apart, maxShown how many the kernel
	// may show before enough is read: it shows those of a next hop again for each
	// IPv4 route that shares it (fib_dump_info_fnhe in net/ipv4/route.c), of which
	// there may be a whole BGP table.
	maxExceptions = 1 << 18
	maxShown      = 1 << 20
)

// ReadExceptions asks the kernel for the path MTUs that it has learned, in the
// network namespace that the calling thread is in. It needs no privilege. What a
// redirect taught does not count, unless it is IPv4 and of a route that is tagged
// with an MTU.
func ReadExceptions() (Exceptions, error) {
	s, err := openStream(unix.NETLINK_ROUTE)
	if err != nil {
		return Exceptions{}, err
	}
	defer s.Close()
	header := make([]byte, rtmsgBytes)
	binary.NativeEndian.PutUint32(header[rtmFlags:], unix.RTM_F_CLONED)
	e := exceptions{seed: maphash.MakeSeed()}
	if _, err := s.dump(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, header, &e); err != nil && !errors.Is(err, errEnough) {
		return Exceptions{}, fmt.Errorf("read path MTU exceptions: %w", err)
	}
	return e.sets, nil
}

// exceptions collects them.
type exceptions struct {
	seed  maphash.Seed
	seen  map[uint64]struct{} // hashes of exceptions
	hops  map[exceptionHop]int
	sets  Exceptions
	shown int
}

// exceptionHop is a next hop as far as an exception shows it.
type exceptionHop struct {
	hopKey
	ipv6  bool
	table uint32
}

// exception is what the kernel has learned of one destination.
type exception struct {
	exceptionHop
	destination netip.Addr
}

func (e *exceptions) begin() {
	*e = exceptions{seed: e.seed, seen: make(map[uint64]struct{}), hops: make(map[exceptionHop]int)}
	e.sets.IPv4.MTUs, e.sets.IPv6.MTUs = make(map[uint32]int), make(map[uint32]int)
}

func (e *exceptions) add(b []byte) error {
	found, mtu, err := decodeException(b)
	if err != nil {
		return err
	}
	if e.shown++; e.shown > maxShown {
		return e.enough()
	}
	if mtu == 0 {
		return nil
	}
	hash := maphash.Comparable(e.seed, found)
	if _, ok := e.seen[hash]; ok {
		return nil
	}
	if len(e.seen) == maxExceptions {
		return e.enough()
	}
	e.seen[hash] = struct{}{}
	e.hops[found.exceptionHop]++
	set := &e.sets.IPv4
	if found.ipv6 {
		set = &e.sets.IPv6
	}
	set.add(mtu, e.hops[found.exceptionHop])
	return nil
}

// enough ends the dump. Nobody can say which family's exceptions would follow.
func (e *exceptions) enough() error {
	e.sets.IPv4.Partial, e.sets.IPv6.Partial = true, true
	return errEnough
}

// add counts one whose next hop now has that many.
func (s *ExceptionSet) add(mtu uint32, ofHop int) {
	s.Count++
	s.Most = max(s.Most, ofHop)
	if _, ok := s.MTUs[mtu]; !ok && len(s.MTUs) == MaxKept {
		s.OtherMTUs++
		return
	}
	s.MTUs[mtu]++
}

// decodeException reads the route of an exception (rt_fill_info in
// net/ipv4/route.c, rt6_fill_node in net/ipv6/route.c). The MTU is 0 where it is
// none that was learned: a path MTU expires, but not what an IPv6 redirect
// taught, and one of IPv4 has an MTU only where its route is tagged with one.
func decodeException(b []byte) (e exception, mtu uint32, err error) {
	if len(b) < rtmsgBytes {
		return exception{}, 0, errShort
	}
	family := b[rtmFamily]
	if !isIP(family) || binary.NativeEndian.Uint32(b[rtmFlags:])&unix.RTM_F_CLONED == 0 {
		return exception{}, 0, nil
	}
	e.ipv6 = family == unix.AF_INET6
	var hop NextHop
	expires := false
	a := attributes{rest: b[rtmsgBytes:]}
	for a.next() {
		switch a.kind {
		case unix.RTA_DST:
			e.destination = a.addressOf(family)
		case unix.RTA_TABLE:
			e.table = a.number()
		case unix.RTA_METRICS:
			var m metrics
			m, a.err = decodeMetrics(a.value)
			mtu = m.mtu
		case unix.RTA_CACHEINFO:
			var left time.Duration
			left, a.err = decodeExpires(a.value)
			expires = left > 0
		default:
			hop.decode(&a, family)
		}
	}
	e.hopKey = hopKey{hop.Gateway, hop.Interface}
	if !expires {
		mtu = 0
	}
	return e, mtu, a.err
}
