package host

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var errPrograms = fmt.Errorf("there are more than %d programs before nftables", MaxPrograms)

// ReadPrograms asks the kernel what sees packets of these links before nftables
// does: XDP programs of whatever mode, tcx programs, and filters of tc at ingress
// (one for all of the same kind and priority, for u32 and its like have many), in
// this order, link by link; of the network namespace that the calling thread is
// in. A link that has gone has none.
//
// Who may not administrate the host's network (CAP_NET_ADMIN in the first user
// namespace) may not see tcx. The error is fs.ErrPermission then, and the programs
// of the other kinds are returned with it. More than [MaxPrograms] are an error,
// with which the first are returned.
func ReadPrograms(links []Link) ([]Program, error) {
	s, err := openStream(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	xdp, err := readXDP(s.conn)
	if err != nil {
		return nil, fmt.Errorf("read XDP programs: %w", err)
	}
	var programs []Program
	var unseen error
	for _, l := range links {
		programs = append(programs, xdp[l.Index]...)
		tcx, err := readTCX(l.Index)
		switch {
		case err == nil:
			programs = append(programs, tcx...)
		case unseen == nil:
			unseen = fmt.Errorf("read tcx programs of %s: %w", l.Name, err)
		}
		if programs, err = appendFilters(programs, s, l.Index); err != nil {
			return programs, fmt.Errorf("read tc filters of %s: %w", l.Name, err)
		}
	}
	return programs, unseen
}
