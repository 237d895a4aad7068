package firewall

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// attempts is how often rules are read that change meanwhile.
const attempts = 10

// Read reads the packet filter of the calling thread's network namespace. It takes
// CAP_NET_ADMIN; the tables of iptables' older kind take root. Chains and sets that
// are very large are passed over: rules that depend on them may drop a packet. The
// kernel loads nf_tables where it has not yet, which changes no packet's way.
func Read() (Ruleset, error) {
	legacy, err := readLegacy()
	if err != nil {
		return Ruleset{}, err
	}
	rs, err := readUndisturbed(kernel{})
	if err != nil {
		return Ruleset{}, explain(err)
	}
	rs.Legacy = legacy
	return rs, nil
}

// readUndisturbed reads until the rules stay the same meanwhile.
func readUndisturbed(k asker) (rs Ruleset, err error) {
	for range attempts {
		rs, err = read(k)
		// A thing that is gone, or the dump that is interrupted, is a change too.
		if !errors.Is(err, errChanged) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return rs, err
}

func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("read nftables rules: %w; run as root or with CAP_NET_ADMIN", err)
	case errors.Is(err, errChanged):
		return fmt.Errorf("read nftables rules: %w, %d times; try again", errChanged, attempts)
	}
	return fmt.Errorf("read nftables rules: %w", err)
}

// legacyFiles name, in the thread's network namespace, the tables of iptables'
// older kind.
var legacyFiles = []struct {
	family family
	path   string
}{
	{familyIPv4, "/proc/thread-self/net/ip_tables_names"},
	{familyIPv6, "/proc/thread-self/net/ip6_tables_names"},
}

// met are the tables that packets to this host meet; that of nat sees the first of
// a connection only.
var met = map[string]bool{"filter": true, "raw": true, "mangle": true, "security": true}

func readLegacy() (tables []string, err error) {
	for _, f := range legacyFiles {
		b, err := os.ReadFile(f.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("read the tables of iptables-legacy: %w; run as root", err)
		case err != nil:
			return nil, fmt.Errorf("read the tables of iptables-legacy: %w", err)
		}
		for name := range strings.FieldsSeq(string(b)) {
			if met[name] {
				tables = append(tables, fmt.Sprintf("%v %s", f.family, name))
			}
		}
	}
	return tables, nil
}
