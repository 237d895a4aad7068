package check

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"ptbrelay/audit/host"
)

// sysctlNumber reads one that holds a single number. ok is false where this
// kernel has none of that name; then there is no error.
func (f *Facts) sysctlNumber(path string) (value int64, ok bool, err error) {
	if f.Sysctl == nil {
		return 0, false, fmt.Errorf("%s: sysctls were not read", path)
	}
	s, err := f.Sysctl(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	if value, err = strconv.ParseInt(s, 10, 64); err != nil {
		return 0, false, fmt.Errorf("%s is %q, which is no number", path, s)
	}
	return value, true, nil
}

// ipv6Conf is the path of an interface's IPv6 sysctl.
func ipv6Conf(l host.Link, name string) string {
	return "net/ipv6/conf/" + l.Name + "/" + name
}
