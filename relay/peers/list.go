package peers

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"syscall"
)

// maxFile bounds a file of peers, in bytes.
const maxFile = 1 << 20

// readBounded reads the file at path, of which a list is made.
func readBounded(path string) (string, error) {
	// Not blocking: a FIFO without a writer would hold the caller for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.New("not a regular file; name a file with one address a line")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return string(text), err
}

// parseList reads one address or address:port a line; # begins a comment. It is
// all or nothing, and nothing is an error too: an empty file is more often a
// failure to write one than a wish to have no peers. An error has the line's number.
func parseList(text string, parse ParsePeer) ([]netip.AddrPort, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes; this is no list of peers", maxFile)
	}
	var found []netip.AddrPort
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		p, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if len(found) == maxPeers {
			return nil, fmt.Errorf("line %d: more than %d peers; leave some out", number, maxPeers)
		}
		found = append(found, p)
	}
	if len(found) == 0 {
		return nil, errors.New("no address in it; write one a line, or name no file")
	}
	return found, nil
}
