package deliver

import (
	"fmt"

	"golang.org/x/sys/unix"

	"ptbrelay/audit/host"
)

// routeMTU is the MTU in bytes that a route comes to: its own, or that of its
// link.
func routeMTU(fd int, r host.Route) (uint32, error) {
	if r.MTU != 0 {
		return r.MTU, nil
	}
	return linkMTU(fd, r.Interface)
}

// linkMTU asks for the MTU of a link in bytes, by any socket of its network
// namespace (netdevice(7)).
func linkMTU(fd, index int) (uint32, error) {
	var request unix.Ifreq
	request.SetUint32(uint32(index))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, &request); err != nil {
		return 0, fmt.Errorf("find link %d: %w", index, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFMTU, &request); err != nil {
		return 0, fmt.Errorf("read the MTU of %s: %w", request.Name(), err)
	}
	return request.Uint32(), nil
}
