// Package check looks at what was read of this host for what breaks path MTU
// discovery. Each check is a file; it looks at [Facts] and returns findings.
//
// A check is sure of what it says: what could not be read is unknown, never ok.
// It changes nothing, and it is not responsible for reading (audit/host,
// audit/firewall) nor for printing (audit/report).
package check
