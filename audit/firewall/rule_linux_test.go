package firewall

import (
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Hooks of one number are at other places in other families, and some are on no way of
// an IP packet to this host or from it.
func TestStageOf(t *testing.T) {
	const familyARP family = 3
	for _, c := range []struct {
		family family
		hook   uint32
		want   stage
		passes bool
	}{
		{familyNetdev, hookNetdevIngress, stageIngress, true},
		{familyNetdev, 1, stageIngress, false}, // egress
		{familyBridge, hookPrerouting, stageBridgePrerouting, true},
		{familyBridge, hookInput, stageBridgeInput, true},
		{familyBridge, hookForward, 0, false},
		{familyARP, hookInput, 0, false},
		{familyINet, hookINetIngress, stageIngress, true},
		{familyIPv4, hookINetIngress, stageIngress, false},
		{familyIPv6, hookPrerouting, stagePrerouting, true},
		{familyINet, hookPostrouting, stagePostrouting, true},
		{familyINet, 9, 0, false},
	} {
		if got, passes := stageOf(c.family, c.hook); passes != c.passes || passes && got != c.want {
			t.Errorf("%v, hook %d: %d, %v, want %d, %v", c.family, c.hook, got, passes, c.want, c.passes)
		}
	}
}

// A chain is at one interface or at several.
func TestDecodeDevices(t *testing.T) {
	const list, name = 4, 1 // NFTA_HOOK_DEVS, NFTA_DEVICE_NAME
	hook := nest(unix.NFTA_CHAIN_HOOK, number(unix.NFTA_HOOK_HOOKNUM, hookNetdevIngress), number(unix.NFTA_HOOK_PRIORITY, 0),
		nest(list, text(name, "eth0"), text(name, "eth1")))
	b, err := decodeBase(familyNetdev, parse(marshal(hook)))
	if err != nil || b == nil || !slices.Equal(b.devices, []string{"eth0", "eth1"}) {
		t.Errorf("%+v, %v", b, err)
	}
}

// A rule whose expressions cannot be told apart is an error, not a rule without them.
func TestDecodeRuleCut(t *testing.T) {
	_, err := decodeRule(parse(marshal(
		netlink.Attribute{Type: unix.NFTA_RULE_HANDLE, Data: make([]byte, 8)},
		netlink.Attribute{Type: unix.NFTA_RULE_EXPRESSIONS, Data: []byte{1}},
	)))
	if err == nil {
		t.Error("no error")
	}
}
