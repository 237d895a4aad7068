//go:build linux

package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Counters reads the node's SNMP counters by the names that nstat gives them:
// IcmpInErrors, TcpExtOutOfWindowIcmps, Icmp6InPktTooBigs. Sources:
// /proc/net/snmp, netstat and snmp6. Values below zero are left out.
func (n *Node) Counters() (map[string]uint64, error) {
	counters := make(map[string]uint64)
	err := n.Do(func() error {
		// Not /proc/net: that is the process's namespace, not the thread's.
		for _, name := range []string{"snmp", "netstat", "snmp6"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + name)
			if err != nil {
				return err
			}
			if name == "snmp6" {
				parseNames(counters, string(b))
			} else {
				parsePairs(counters, string(b))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: read counters: %w", n.name, err)
	}
	return counters, nil
}

// parseNames reads lines of "Name value".
func parseNames(into map[string]uint64, text string) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 {
			put(into, f[0], f[1])
		}
	}
}

// parsePairs reads pairs of lines, "Prefix: Name ..." and "Prefix: value ...".
func parsePairs(into map[string]uint64, text string) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for j := 1; j < len(names) && j < len(values); j++ {
			put(into, strings.TrimSuffix(names[0], ":")+names[j], values[j])
		}
	}
}

func put(into map[string]uint64, name, value string) {
	if v, err := strconv.ParseUint(value, 10, 64); err == nil {
		into[name] = v
	}
}
