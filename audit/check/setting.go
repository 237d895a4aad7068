package check

import (
	"fmt"
	"io/fs"
	"strings"
)

// setting is a sysctl that holds a number.
type setting struct {
	path  string
	value int64
}

// String is the setting as sysctl(8) shows it.
func (s setting) String() string { return fmt.Sprintf("%s = %d", sysctlName(s.path), s.value) }

// setting reads a sysctl that every supported kernel has; where there is none, the
// error is fs.ErrNotExist.
func (f *Facts) setting(path string) (setting, error) {
	value, ok, err := f.sysctlNumber(path)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w", sysctlName(path), fs.ErrNotExist)
	}
	return setting{path, value}, err
}

// unknownAt is the finding that what an interface is set to could not be read.
func unknownAt(name string, err error, why string) Finding {
	found := unknown(err, why)
	found.Subject = name
	return found
}

// sysctlName is a path as sysctl(8) names it: with dots for slashes, and with
// slashes for the dots in names of interfaces.
func sysctlName(path string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '/':
			return '.'
		case '.':
			return '/'
		}
		return r
	}, path)
}

// sysctlCommand is the command that gives sysctls a value.
func sysctlCommand(value int64, settings ...setting) string {
	wanted := make([]setting, len(settings))
	for i, s := range settings {
		wanted[i] = setting{s.path, value}
	}
	return sysctlCommands(wanted)
}

// sysctlCommands is the command that makes settings what is wanted.
func sysctlCommands(wanted []setting) string {
	var command strings.Builder
	command.WriteString("sysctl -w")
	for _, s := range wanted {
		fmt.Fprintf(&command, " %s", shellWord(fmt.Sprintf("%s=%d", sysctlName(s.path), s.value)))
	}
	return command.String()
}

// listSettings names the first of many.
func listSettings(settings []setting) string { return listOf(settings, setting.String) }
