//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// PathMTU asks the node's kernel which MTU, in bytes, it would use from vip to
// client, as "ip route get CLIENT from VIP" does, and whether that is a
// learned exception (one that expires). Without an exception it is the
// route's MTU or else the interface's.
func (n *Node) PathMTU(vip, client netip.Addr) (mtu int, exception bool, err error) {
	err = n.Do(func() error {
		mtu, exception, err = pathMTU(vip, client)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("node %s: path MTU from %v to %v: %w", n.name, vip, client, err)
	}
	return mtu, exception, nil
}

// Exceptions counts the path MTU exceptions (and redirects, which the lab
// does not send) of one family that the node's kernel holds, by a dump with
// RTM_F_CLONED.
func (n *Node) Exceptions(family Family) (int, error) {
	count := 0
	err := n.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
		msg := &nl.RtMsg{}
		msg.Family = uint8(family.af())
		msg.Flags = unix.RTM_F_CLONED
		req.AddData(msg)
		replies, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
		if err != nil {
			return err
		}
		for _, reply := range replies {
			if len(reply) < unix.SizeofRtMsg {
				return fmt.Errorf("route of %d bytes", len(reply))
			}
			// Without strict checking the dump holds ordinary routes too.
			if nl.DeserializeRtMsg(reply).Flags&unix.RTM_F_CLONED != 0 {
				count++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("node %s: dump %v exceptions: %w", n.name, family, err)
	}
	return count, nil
}

// pathMTU is PathMTU for the calling thread's namespace.
func pathMTU(vip, client netip.Addr) (mtu int, exception bool, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
	msg := &nl.RtMsg{}
	msg.Family = uint8(FamilyOf(client).af())
	msg.Dst_len, msg.Src_len = uint8(client.BitLen()), uint8(vip.BitLen())
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, client.AsSlice()))
	req.AddData(nl.NewRtAttr(unix.RTA_SRC, vip.AsSlice()))
	replies, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
	if err != nil {
		return 0, false, err
	}
	if len(replies) != 1 || len(replies[0]) < unix.SizeofRtMsg {
		return 0, false, fmt.Errorf("%d routes in answer, want 1", len(replies))
	}
	attrs, err := nl.ParseRouteAttr(replies[0][unix.SizeofRtMsg:])
	if err != nil {
		return 0, false, err
	}
	metric, expires, link, err := routeMTU(attrs)
	if err != nil {
		return 0, false, err
	}
	if metric > 0 {
		return metric, expires, nil
	}
	iface, err := net.InterfaceByIndex(link)
	if err != nil {
		return 0, false, err
	}
	return iface.MTU, false, nil
}

// routeMTU reads the MTU metric (0: none), whether the route expires, and the
// index of its interface.
func routeMTU(attrs []syscall.NetlinkRouteAttr) (mtu int, expires bool, link int, err error) {
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.RTA_OIF:
			if len(a.Value) >= 4 {
				link = int(binary.NativeEndian.Uint32(a.Value))
			}
		case unix.RTA_CACHEINFO:
			// struct rta_cacheinfo: clntref, lastuse, expires, 4 bytes each.
			expires = len(a.Value) >= 12 && binary.NativeEndian.Uint32(a.Value[8:]) != 0
		case unix.RTA_METRICS:
			metrics, err := nl.ParseRouteAttr(a.Value)
			if err != nil {
				return 0, false, 0, fmt.Errorf("route metrics: %w", err)
			}
			for _, m := range metrics {
				if m.Attr.Type == unix.RTAX_MTU && len(m.Value) >= 4 {
					mtu = int(binary.NativeEndian.Uint32(m.Value))
				}
			}
		}
	}
	return mtu, expires, link, nil
}
