// Package capture hands raw packets, batch by batch, to one handler.
//
// NFLOG receives what a rule logs to a netfilter log group: go-nflog opens,
// binds, configures and unbinds the group, and this package reads the messages
// itself, many a system call, in place and without allocation.
//
// It is not responsible for which packets are logged (rules) nor for what they
// are (classify): it looks at netlink framing only.
package capture
