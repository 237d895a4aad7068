package host

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// held are the addresses as another library reads them.
func (k kernel) held() (list []Address) {
	k.t.Helper()
	found, err := k.AddrList(nil, netlink.FAMILY_ALL)
	k.must(err)
	for _, a := range found {
		own, _ := netip.AddrFromSlice(a.IP)
		if a.IP.To4() != nil {
			own = own.Unmap()
		}
		ones, _ := a.Mask.Size()
		list = append(list, Address{
			Prefix: netip.PrefixFrom(own, ones), Interface: a.LinkIndex,
			Tentative: a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0,
		})
	}
	return list
}

// Addresses are all there, those of point-to-point links and those that cannot be
// used yet too.
func TestReadRoutesAddresses(t *testing.T) {
	n, k := uplinks(t)
	many := vips(512)
	k.addAddress("lo", many...)
	for _, family := range []string{"192.0.2.1/32 192.0.2.2/32", "2001:db8:ffff::1/128 2001:db8:ffff::2/128"} {
		var own, far string
		if _, err := fmt.Sscan(family, &own, &far); err != nil {
			t.Fatal(err)
		}
		a := address(own)
		a.Peer = ipNet(netip.MustParsePrefix(far))
		k.must(k.AddrAdd(k.link("eth0"), a))
	}
	labtest.Eventually(t, within, "Addresses agree with another library", func() error {
		got := readIn(t, n, ReadRoutes)
		byPrefix := func(a, b Address) int { return a.Prefix.Compare(b.Prefix) }
		want := k.held()
		slices.SortFunc(want, byPrefix)
		slices.SortFunc(got.Addresses, byPrefix)
		if d := cmp.Diff(want, got.Addresses, same); d != "" {
			return fmt.Errorf("-library +ReadRoutes:\n%s", d)
		}
		var missing []netip.Prefix
		for _, text := range append(many, "192.0.2.1/32", "2001:db8:ffff::1/128") {
			p := netip.MustParsePrefix(text)
			if !slices.ContainsFunc(got.Addresses, func(a Address) bool { return a.Prefix == p }) || !slices.Contains(got.Local, p) {
				missing = append(missing, p)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("no address or not local: %v", missing)
		}
		return nil
	})
}

// The far end has the address: detection fails and no local route is made.
func TestReadRoutesDuplicateAddress(t *testing.T) {
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	other := labtest.Node(t, "other")
	k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01")
	k.must(other.Do(func() error {
		ns, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(ns)
		return k.LinkSetNsFd(k.link("far0"), ns)
	}))
	far := kernel{other.Handle(), t}
	far.setUp("far0")
	k.setUp("eth0")
	k.awaitCarrier("eth0")
	far.addAddress("far0", "2001:db8:1::7/64")
	duplicate := address("2001:db8:1::7/64")
	duplicate.Flags = 0 // the others are asked
	k.must(k.AddrAdd(k.link("eth0"), duplicate))
	labtest.Eventually(t, within, "the address is found to be another's", func() error {
		list, err := k.AddrList(k.link("eth0"), netlink.FAMILY_V6)
		k.must(err)
		for _, l := range list {
			if l.IP.Equal(duplicate.IP) && l.Flags&unix.IFA_F_DADFAILED != 0 {
				return nil
			}
		}
		return fmt.Errorf("%+v", list)
	})
	got := readIn(t, n, ReadRoutes)
	if err := lacks(State{Local: got.Local}, "2001:db8:1::7/128"); err != nil {
		t.Error(err)
	}
	want := Address{Prefix: netip.MustParsePrefix("2001:db8:1::7/64"), Interface: k.link("eth0").Attrs().Index, Tentative: true}
	if !slices.Contains(got.Addresses, want) {
		t.Errorf("%+v, want %+v among them", got.Addresses, want)
	}
}

func TestAddressesAlsoIn(t *testing.T) {
	a := Address{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Interface: 1}
	b := Address{Prefix: netip.MustParsePrefix("192.0.2.2/32"), Interface: 1}
	usable, tentative := Address{Prefix: netip.MustParsePrefix("2001:db8::1/128")}, Address{Prefix: netip.MustParsePrefix("2001:db8::1/128"), Tentative: true}
	if got := (addresses{a, b, tentative}).alsoIn(addresses{b, usable}); !slices.Equal(got, []Address{b}) {
		t.Errorf("%+v, want %+v", got, b)
	}
}
