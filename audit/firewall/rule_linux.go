package firewall

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// decodeRule reads the attributes of a rule; its number is not among them.
func decodeRule(a *attributes) (rule, error) {
	handle := a.bytes(unix.NFTA_RULE_HANDLE)
	if a.err != nil || len(handle) != 8 {
		return rule{}, fmt.Errorf("read a rule: %w", errMissing)
	}
	r := rule{handle: binary.BigEndian.Uint64(handle)}
	list, err := elements(a.by[unix.NFTA_RULE_EXPRESSIONS])
	if err != nil {
		return rule{}, fmt.Errorf("read a rule: %w", err)
	}
	for _, x := range list {
		r.expressions = append(r.expressions, decodeExpression(x))
	}
	return r, nil
}

// decodeBase reads how packets get into a chain; nil: it is no base chain, or one of
// type nat, which sees the first packet of a connection only.
func decodeBase(f family, a *attributes) (*base, error) {
	kind := "filter"
	if a.has(unix.NFTA_CHAIN_TYPE) {
		kind = a.text(unix.NFTA_CHAIN_TYPE)
	}
	if !a.has(unix.NFTA_CHAIN_HOOK) || kind != "filter" && kind != "route" {
		return nil, nil
	}
	hook := a.nest(unix.NFTA_CHAIN_HOOK)
	s, ok := stageOf(f, hook.number(unix.NFTA_HOOK_HOOKNUM))
	b := &base{
		stage:    s,
		priority: int32(hook.number(unix.NFTA_HOOK_PRIORITY)),
		devices:  devices(hook),
		routes:   kind == "route",
		drops:    a.has(unix.NFTA_CHAIN_POLICY) && a.number(unix.NFTA_CHAIN_POLICY) == nfDrop,
	}
	if a.err == nil {
		a.err = hook.err
	}
	if a.err != nil {
		return nil, fmt.Errorf("read a chain: %w", a.err)
	}
	if !ok {
		return nil, nil
	}
	return b, nil
}

// devices are the names of the interfaces that a chain is at.
func devices(hook *attributes) (names []string) {
	const list = 4 // NFTA_HOOK_DEVS
	if hook.has(unix.NFTA_HOOK_DEV) {
		return []string{hook.text(unix.NFTA_HOOK_DEV)}
	}
	if !hook.has(list) {
		return nil
	}
	all, err := elements(hook.by[list])
	if err != nil {
		hook.fail(list)
	}
	for _, name := range all {
		names = append(names, strings.TrimRight(string(name), "\x00"))
	}
	return names
}

// Hooks (linux/netfilter.h), of which netdev has its own.
const (
	hookPrerouting    = 0
	hookInput         = 1
	hookForward       = 2
	hookOutput        = 3
	hookPostrouting   = 4
	hookINetIngress   = 5
	hookNetdevIngress = 0
)

// stageOf is where a hook is; ok is false where IP packets to this host or from it do
// not pass.
func stageOf(f family, hook uint32) (s stage, ok bool) {
	switch {
	case f == familyNetdev:
		return stageIngress, hook == hookNetdevIngress
	case f == familyBridge && hook == hookPrerouting:
		return stageBridgePrerouting, true
	case f == familyBridge && hook == hookInput:
		return stageBridgeInput, true
	case f == familyBridge || f != familyINet && f != familyIPv4 && f != familyIPv6:
		return 0, false
	case hook == hookPrerouting:
		return stagePrerouting, true
	case hook == hookInput:
		return stageInput, true
	case hook == hookForward:
		return stageForward, true
	case hook == hookOutput:
		return stageOutput, true
	case hook == hookPostrouting:
		return stagePostrouting, true
	case hook == hookINetIngress:
		return stageIngress, f == familyINet
	}
	return 0, false
}
