package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder fills a Config from a syntax tree and goes on after a problem, so
// that a file's problems are reported together.
type decoder struct {
	problems []Problem
	// at is where the value of a path stands.
	at map[string]position
	// failed are the paths whose value could not be read.
	failed map[string]bool
}

func (d *decoder) add(t *token.Token, path, format string, args ...any) {
	p := problemAt(t, format, args...)
	p.Path = path
	d.problems = append(d.problems, *p)
}

func (d *decoder) root(node ast.Node, c *Config) {
	d.section(node, reflect.ValueOf(c).Elem(), "")
}

// section fills a struct. No value at all is allowed: a section whose keys are
// all commented out.
func (d *decoder) section(node ast.Node, to reflect.Value, path string) {
	if node == nil || node.Type() == ast.NullType {
		return
	}
	m, ok := node.(ast.MapNode)
	if !ok {
		d.add(startOf(node), path, "%s where keys are wanted, some of %s", describe(node), keyNames(to.Type()))
		return
	}
	seen := make(map[string]position)
	for values := m.MapRange(); values.Next(); {
		d.entry(values.KeyValue(), to, path, seen)
	}
}

// entry reads one key and its value.
func (d *decoder) entry(kv *ast.MappingValueNode, to reflect.Value, section string, seen map[string]position) {
	t := kv.Key.GetToken()
	name := t.Value
	path := quote(name)
	if section != "" {
		path = section + "." + path
	}
	field, ok := fieldOf(to, name)
	if !ok {
		d.add(t, path, "unknown key; known here are %s", keyNames(to.Type()))
		return
	}
	if first, ok := seen[name]; ok {
		d.add(t, path, "given twice, first in line %d; remove one", first.line)
		return
	}
	seen[name] = positionOf(t)
	switch {
	case isSection(field.Type()):
		d.section(kv.Value, field, path)
	case field.Kind() == reflect.Slice:
		d.list(kv.Value, field, path)
	default:
		d.value(kv.Value, field, path)
	}
}

func (d *decoder) list(node ast.Node, to reflect.Value, path string) {
	d.at[path] = positionOf(startOf(node))
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		d.failed[path] = true
		d.add(startOf(node), path, "%s where a list is wanted; write [one, two], or [] for none", describe(node))
		return
	}
	to.SetZero() // not the default's items; and an empty list is nil, always
	for i, node := range seq.Values {
		entry := reflect.New(to.Type().Elem()).Elem()
		d.value(node, entry, item(path, i)) // one that cannot be read keeps its place
		to.Set(reflect.Append(to, entry))
	}
}

func (d *decoder) value(node ast.Node, to reflect.Value, path string) {
	d.at[path] = positionOf(startOf(node))
	s, ok := scalarOf(node)
	err := fmt.Errorf("%s where one value is wanted", describe(node))
	if ok {
		err = s.set(to)
	}
	if err != nil {
		d.failed[path] = true
		d.add(startOf(node), path, "%v", err)
	}
}

// fieldOf returns the field of a section by its key.
func fieldOf(section reflect.Value, key string) (reflect.Value, bool) {
	for i := range section.NumField() {
		if section.Type().Field(i).Tag.Get("yaml") == key {
			return section.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keyNames lists the keys of a section.
func keyNames(section reflect.Type) string {
	names := make([]string, section.NumField())
	for i := range names {
		names[i] = section.Field(i).Tag.Get("yaml")
	}
	return strings.Join(names, ", ")
}

// describe names what stands where something else is wanted.
func describe(node ast.Node) string {
	switch node.(type) {
	case ast.MapNode:
		return "keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	}
	if s, ok := scalarOf(node); ok {
		return "the value " + quote(s.text)
	}
	return "something else"
}
