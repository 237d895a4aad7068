package host

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Offsets in struct ifaddrmsg (linux/if_addr.h).
const (
	ifaFamily       = 0
	ifaPrefixLength = 1
	ifaFlags        = 2
	ifaIndex        = 4
	ifaddrmsgBytes  = unix.SizeofIfAddrmsg
)

// addresses collects those of interfaces.
type addresses []Address

func (l *addresses) begin() { *l = nil }

func (l *addresses) add(b []byte) error {
	if len(b) < ifaddrmsgBytes {
		return errShort
	}
	if !isIP(b[ifaFamily]) {
		return nil
	}
	a, err := decodeAddress(b)
	if err == nil {
		*l = append(*l, a)
	}
	return err
}

// alsoIn returns those that the other list has too.
func (l addresses) alsoIn(other addresses) []Address {
	has := make(map[Address]bool, len(other))
	for _, a := range other {
		has[a] = true
	}
	return slices.DeleteFunc(l, func(a Address) bool { return !has[a] })
}

// decodeAddress reads struct ifaddrmsg of IP and its attributes
// (inet_fill_ifaddr in net/ipv4/devinet.c, inet6_fill_ifaddr in
// net/ipv6/addrconf.c). IFA_ADDRESS is the own address, too, but on a
// point-to-point link that of the other end; then the own one is IFA_LOCAL.
func decodeAddress(b []byte) (Address, error) {
	var own, far netip.Addr
	flags := uint32(b[ifaFlags])
	a := attributes{rest: b[ifaddrmsgBytes:]}
	for a.next() {
		switch a.kind {
		case unix.IFA_LOCAL:
			own = a.addressOf(b[ifaFamily])
		case unix.IFA_ADDRESS:
			far = a.addressOf(b[ifaFamily])
		case unix.IFA_FLAGS:
			flags = a.number()
		}
	}
	if a.err != nil {
		return Address{}, a.err
	}
	if !own.IsValid() {
		own = far
	}
	address := Address{
		Prefix:    netip.PrefixFrom(own, int(b[ifaPrefixLength])),
		Interface: int(int32(binary.NativeEndian.Uint32(b[ifaIndex:]))),
		Tentative: flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0,
	}
	if !address.Prefix.IsValid() {
		return Address{}, errAddress
	}
	return address, nil
}
