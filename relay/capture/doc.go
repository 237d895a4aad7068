// Package capture hands raw packets, batch by batch, to one handler.
//
// NFLOG receives what a rule logs to a netfilter log group: go-nflog opens,
// binds, configures and unbinds the group, and this package reads the messages
// itself, many a system call, in place and without allocation.
//
// go-nflog's own loop would copy every message and allocate a map of it, at ten
// times the cost; the gate lets it speak to the kernel and keeps it from the
// messages.
//
// File reads pcap and pcapng. Their framing is read here as well, in place: what
// gopacket has for it crashes on hostile files and takes as much memory as they
// ask for.
//
// It is not responsible for which packets are logged (rules) nor for what they
// are (classify): it looks at framing only.
package capture
