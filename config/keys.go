package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"ptbrelay/classify"
)

// A leaf is a key that holds a value or a list, not further keys.
type leaf struct {
	path  string
	value reflect.Value
	// reload is "live" or "restart".
	reload string
}

// leaves returns every key of c in the order of the reference. Their values
// are c's own and can be set.
func leaves(c *Config) []leaf {
	return appendLeaves(nil, reflect.ValueOf(c).Elem(), "", "")
}

func appendLeaves(to []leaf, section reflect.Value, prefix, reload string) []leaf {
	for i := range section.NumField() {
		field := section.Type().Field(i)
		path, reload := prefix+field.Tag.Get("yaml"), reload
		if tag, ok := field.Tag.Lookup("reload"); ok {
			reload = tag
		}
		if isSection(field.Type) {
			to = appendLeaves(to, section.Field(i), path+".", reload)
			continue
		}
		to = append(to, leaf{path: path, value: section.Field(i), reload: reload})
	}
	return to
}

// isSection tells whether a key of this type holds keys.
func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != prefixType }

// keyOf cuts the index off the path of a list's item: "vips[2]" is of "vips".
func keyOf(path string) string {
	key, _, _ := strings.Cut(path, "[")
	return key
}

// text returns a leaf's value as YAML on one line.
func text(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		items := make([]string, v.Len())
		for i := range items {
			items[i] = text(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	switch x := v.Interface().(type) {
	case netip.Prefix:
		return strconv.Quote(vipText(x))
	case netip.AddrPort:
		return strconv.Quote(peerText(x))
	case classify.Protocol:
		return x.String()
	case time.Duration:
		return x.String()
	case Size:
		return x.String()
	}
	if v.Kind() == reflect.String {
		return stringText(v.String())
	}
	return fmt.Sprint(v.Interface())
}

// stringText quotes what YAML could take for anything but this string. The
// escapes of Go are escapes of YAML too.
func stringText(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"
	switch strings.ToLower(s) {
	case "", "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	letter := s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z'
	if (letter || s[0] == '/') && strings.Trim(s, plain) == "" {
		return s
	}
	return strconv.Quote(s)
}
