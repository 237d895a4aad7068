package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is what a binary has of a module.
type module struct {
	path, version string
	root          string
	files         map[string]string // licences, notices and grants: text by path below root
}

// readModules reads the packages of a binary (see the command) and returns their
// modules, sorted by path.
func readModules(packages io.Reader) ([]*module, error) {
	byPath := make(map[string]*module)
	lines := bufio.NewScanner(packages)
	for lines.Scan() {
		field := strings.Split(lines.Text(), "\t")
		if len(field) != 4 {
			return nil, fmt.Errorf("%q is no line of a module, its version, its folder and a package's folder", lines.Text())
		}
		m := byPath[field[0]]
		if m == nil {
			m = &module{path: field[0], version: field[1], root: field[2], files: make(map[string]string)}
			byPath[m.path] = m
		}
		if err := m.add(field[3]); err != nil {
			return nil, err
		}
	}
	if len(byPath) == 0 && lines.Err() == nil {
		return nil, errors.New("no packages on stdin; go list prints them with list.tmpl")
	}
	sorted := slices.SortedFunc(maps.Values(byPath), func(a, b *module) int { return cmp.Compare(a.path, b.path) })
	return sorted, lines.Err()
}

var (
	licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying)`)
	besideName  = regexp.MustCompile(`(?i)^(notice|patents)`)
)

// add collects the files that hold for a package: those of its folder and of the
// folders above it, up to the module's.
func (m *module) add(folder string) error {
	below, err := filepath.Rel(m.root, folder)
	if err != nil || !filepath.IsLocal(below) {
		return fmt.Errorf("%s: package folder %s is not in the module's folder %s", m.path, folder, m.root)
	}
	for ; ; below = filepath.Dir(below) {
		entries, err := os.ReadDir(filepath.Join(m.root, below))
		if err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
		for _, e := range entries {
			if e.IsDir() || !licenceName.MatchString(e.Name()) && !besideName.MatchString(e.Name()) {
				continue
			}
			name := filepath.Join(below, e.Name())
			text, err := os.ReadFile(filepath.Join(m.root, name))
			if err != nil {
				return fmt.Errorf("%s: %w", m.path, err)
			}
			m.files[name] = string(text)
		}
		if below == "." {
			return nil
		}
	}
}

// names are the module's files, the licence of the whole first.
func (m *module) names() []string {
	depth := func(name string) int { return strings.Count(name, string(filepath.Separator)) }
	return slices.SortedFunc(maps.Keys(m.files), func(a, b string) int {
		return cmp.Or(cmp.Compare(depth(a), depth(b)), cmp.Compare(a, b))
	})
}

// licences is the SPDX expression of all that holds for the module's packages.
func (m *module) licences() (string, error) {
	var ids []string
	for _, name := range m.names() {
		if !licenceName.MatchString(filepath.Base(name)) {
			continue
		}
		id, err := recognise(m.files[name])
		if err != nil {
			return "", fmt.Errorf("%s: %w", filepath.Join(m.root, name), err)
		}
		ids = append(ids, strings.Split(id, and)...)
	}
	if len(ids) == 0 {
		return "", fmt.Errorf("%s has no licence in %s: do without it", m.path, m.root)
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), and), nil
}
