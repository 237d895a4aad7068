//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// setting is one sysctl and the value it shall have.
type setting struct{ key, value string }

// reversePath sets the reverse path filter of all of a node's interfaces, lo
// too: rp_filter 0 is off; 1, strict, drops an IPv4 packet that comes in where
// none would leave for its source; 2, loose, one whose source has no route.
func reversePath(mode int) setting {
	return setting{"net/ipv4/conf/all/rp_filter", strconv.Itoa(mode)}
}

// Sysctl reads a sysctl of the node by its path under /proc/sys, such as
// "net/ipv4/ip_forward" (slashes, because interface names may have dots).
func (n *Node) Sysctl(key string) (string, error) {
	var value string
	err := n.Do(func() error {
		b, err := os.ReadFile(filepath.Join("/proc/sys", key))
		value = strings.TrimSpace(string(b))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("node %s: read sysctl %s: %w", n.name, key, err)
	}
	return value, nil
}

// SetSysctl writes a sysctl of the node; keys as for [Node.Sysctl].
func (n *Node) SetSysctl(key, value string) error {
	return n.setSysctls(setting{key, value})
}

func (n *Node) setSysctls(settings ...setting) error {
	err := n.Do(func() error {
		for _, s := range settings {
			if err := os.WriteFile(filepath.Join("/proc/sys", s.key), []byte(s.value), 0); err != nil {
				return fmt.Errorf("set sysctl %s to %s: %w", s.key, s.value, err)
			}
		}
		return nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("node %s: %w; /proc/sys is read-only in this container, run it privileged", n.name, err)
	}
	return fmt.Errorf("node %s: %w", n.name, err)
}
