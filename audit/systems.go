package audit

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"unicode"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Systems tells the autonomous system of an address, by a file of the MaxMind DB
// format whose records have autonomous_system_number, as those of GeoLite2-ASN,
// GeoIP2-ISP and DB-IP have, and perhaps autonomous_system_organization.
type Systems struct{ reader *maxminddb.Reader }

const (
	numberField       = "autonomous_system_number"
	organisationField = "autonomous_system_organization"

	// maxSystemsFile bounds the memory that a wrong file can take; those named
	// above have at most some tens of MiB.
	maxSystemsFile = 256 << 20
	// recordsTried is in how many records of the file a number is looked for, and
	// networksTried in how many networks, most of which have none: a file of 1 KB can
	// have 2^127 of them.
	recordsTried  = 1000
	networksTried = 1 << 20
	// maxName bounds a name in a report, in characters; a file may have one of 16 MiB.
	maxName = 100
)

// OpenSystems reads such a file into memory. It is not mapped: a mapped file that
// somebody shortens ends the process. A file that is none, or has no number in its
// first records, is an error that says so.
func OpenSystems(path string) (*Systems, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read AS database: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSystemsFile {
		return nil, fmt.Errorf("read AS database %s: want a regular file of at most %d MiB", path, maxSystemsFile>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read AS database: %w", err)
	}
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("read AS database %s: %w: give a file of the MaxMind DB format, as GeoLite2-ASN.mmdb", path, err)
	}
	s := &Systems{reader}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("read AS database %s, of type %q: %w", path, reader.Metadata.DatabaseType, err)
	}
	return s, nil
}

// check says whether the records are about autonomous systems.
func (s *Systems) check() error {
	networks, records := 0, 0
	for r := range s.reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		var number uint32
		if err := r.DecodePath(&number, numberField); err != nil {
			return err
		}
		if number != 0 {
			return nil
		}
		if r.Found() {
			records++
		}
		if networks++; records == recordsTried || networks == networksTried {
			break
		}
	}
	return errors.New("its records have no " + numberField + ": give a database of autonomous systems, as GeoLite2-ASN.mmdb")
}

// lookup returns a way to ask, for one goroutine.
func (s *Systems) lookup() *lookup {
	return &lookup{reader: s.reader, path: []any{numberField}}
}

// lookup asks for the systems of addresses. What the database is given to read by
// and to write to lives here, so that nothing is allocated for each question.
type lookup struct {
	reader *maxminddb.Reader
	path   []any
	answer uint32
}

// number returns the number of the system that announces an address, and the
// record that names it; ok is false where the database does not know it.
func (l *lookup) number(a netip.Addr) (number uint32, record uintptr, ok bool) {
	r := l.reader.Lookup(a)
	l.answer = 0
	if r.DecodePath(&l.answer, l.path...) != nil || l.answer == 0 {
		return 0, 0, false
	}
	return l.answer, r.Offset(), true
}

// name is for example "AS64496 Example", or "AS64496" where the record has no name.
func (l *lookup) name(number uint64, record uintptr) string {
	var organisation string
	name := fmt.Sprintf("AS%d", number)
	if l.reader.LookupOffset(record).DecodePath(&organisation, organisationField) != nil || organisation == "" {
		return name
	}
	return name + " " + shown(organisation)
}

// shown is as much of a name as a report has room for, in characters that only print.
func shown(name string) string {
	var b strings.Builder
	characters := 0
	for _, r := range name {
		if characters++; characters > maxName {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}
