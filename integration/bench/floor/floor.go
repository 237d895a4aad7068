// Package floor is the least that a relay can do: it moves the messages of a
// netfilter log group from recvmmsg to sendmmsg, each behind an Ethernet
// broadcast header. It decodes, limits and counts nothing, and shares no code
// with ptbrelay but the nftables table, which is the kernel's share of the work.
// Benchmarks run it beside ptbrelay and print the ratio.
//
// It is not responsible for anything that a daemon owes its host: it heeds no
// loss, no signal and no change of a link.
package floor

import (
	"fmt"
	"io"
	"log/slog"
	"net"

	"ptbrelay/relay/rules"
)

// Ready is what Run prints once it captures.
const Ready = "floor is ready"

const (
	group = 33
	// noGuard: limits off.
	noGuard = 1e8
)

// Run relays what comes in for this host, as broadcasts on one interface, until
// the process is killed.
func Run(iface string, out io.Writer) error {
	link, err := net.InterfaceByName(iface)
	if err != nil {
		return fmt.Errorf("floor: interface %s: %w", iface, err)
	}
	s, err := newSender(link.Index, [6]byte(link.HardwareAddr))
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	r, err := newReceiver()
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	if _, err := rules.Install(rules.Config{Group: group, Guard: noGuard}, slog.Default()); err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	if _, err := fmt.Fprintln(out, Ready); err != nil {
		return err
	}
	return fmt.Errorf("floor: %w", move(r, s))
}

// move is the loop.
func move(r *receiver, s *sender) error {
	for {
		n, err := r.receive()
		if err != nil {
			return err
		}
		for i := range n {
			eachPayload(r.datagram(i), s.add)
		}
		s.flush()
	}
}
