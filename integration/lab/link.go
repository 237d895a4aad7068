//go:build linux

package lab

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// end is one end of a cable.
type end struct {
	node  *Node
	iface string
	mtu   int    // bytes
	id    uint16 // makes the MAC address: the same in every lab
}

func (e end) mac() net.HardwareAddr {
	return net.HardwareAddr{0x02, 0x00, 0x5e, 0x00, byte(e.id >> 8), byte(e.id)}
}

// connect lays a veth cable between two nodes and brings both ends up.
func connect(a, b end) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = a.iface, a.mtu, a.mac()
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: b.iface, PeerMTU: uint32(b.mtu),
		PeerHardwareAddr: b.mac(), PeerNamespace: netlink.NsFd(b.node.netfd),
	}
	if err := a.node.handle.LinkAdd(veth); err != nil {
		return fmt.Errorf("connect %s %s to %s %s: %w", a.node.name, a.iface, b.node.name, b.iface, err)
	}
	for _, e := range []end{a, b} {
		if err := e.node.setUp(e.iface); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) setUp(iface string) error {
	link, err := n.handle.LinkByName(iface)
	if err == nil {
		err = n.handle.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("node %s: bring %s up: %w", n.name, iface, err)
	}
	return nil
}

// addAddresses gives an interface addresses. accept_dad is 0, so an IPv6
// address stays tentative only until the kernel has joined its solicited-node
// group, which [Lab.awaitInterfaces] waits for; IFA_F_NODAD would hide that.
func (n *Node) addAddresses(iface string, addresses ...netip.Prefix) error {
	link, err := n.handle.LinkByName(iface)
	if err != nil {
		return fmt.Errorf("node %s: interface %s: %w", n.name, iface, err)
	}
	for _, a := range addresses {
		if err := n.handle.AddrAdd(link, &netlink.Addr{IPNet: ipNet(a)}); err != nil {
			return fmt.Errorf("node %s: add %v to %s: %w", n.name, a, iface, err)
		}
	}
	return nil
}

// setOffload switches TSO, GSO and GRO of all the node's interfaces but lo.
func (n *Node) setOffload(on bool) error {
	links, err := n.handle.LinkList()
	if err != nil {
		return fmt.Errorf("node %s: list interfaces: %w", n.name, err)
	}
	var value uint32
	if on {
		value = 1
	}
	err = n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, link := range links {
			name := link.Attrs().Name
			if name == "lo" {
				continue
			}
			for _, command := range []uint32{unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO} {
				if err := ethtool(fd, name, command, value); err != nil {
					return fmt.Errorf("ethtool command %#x on %s: %w", command, name, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("node %s: set offload: %w", n.name, err)
	}
	return nil
}

// ethtool sets one feature by SIOCETHTOOL with a struct ethtool_value
// (linux/ethtool.h).
func ethtool(fd int, iface string, command, data uint32) error {
	value := struct{ command, data uint32 }{command, data}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte // struct ifreq is larger than its pointer member
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:unix.IFNAMSIZ-1], iface)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	runtime.KeepAlive(&value)
	if errno != 0 {
		return errno
	}
	return nil
}

// interfaceIndex looks an interface up in the calling thread's namespace.
func interfaceIndex(name string) (int, error) {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, err)
	}
	return iface.Index, nil
}
