//go:build linux

package lab

import (
	"fmt"
	"io/fs"
	"os"
)

// WriteFile writes a file as os.WriteFile does, where the node's processes see
// it. What is below /run is the node's alone and gone with it; everything else
// is the host's.
func (n *Node) WriteFile(path string, data []byte, mode fs.FileMode) error {
	if err := n.Do(func() error { return os.WriteFile(path, data, mode) }); err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	return nil
}
