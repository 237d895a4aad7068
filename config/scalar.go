package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"ptbrelay/classify"
)

var (
	prefixType   = reflect.TypeFor[netip.Prefix]()
	addrPortType = reflect.TypeFor[netip.AddrPort]()
	protocolType = reflect.TypeFor[classify.Protocol]()
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[Size]()
)

// A scalar is one value as the file spells it, before YAML's ideas of what it
// could mean.
type scalar struct {
	text string
	kind scalarKind
}

type scalarKind int

const (
	plainText scalarKind = iota
	quotedText
	noText // a number, a bool, null: other than text without quotes
	nothing
)

func scalarOf(node ast.Node) (scalar, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		if n.Token.Type == token.StringType {
			return scalar{n.Value, plainText}, true
		}
		return scalar{n.Value, quotedText}, true
	case *ast.NullNode:
		return scalar{n.Token.Value, nothing}, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return scalar{n.GetToken().Value, noText}, true
	}
	return scalar{}, false
}

// set reads s as what the field is.
func (s scalar) set(to reflect.Value) error {
	if s.kind == nothing {
		return errors.New("no value; write one, or remove the key for its default")
	}
	switch to.Type() {
	case prefixType:
		return assign(to, s.text, ParseVIP)
	case addrPortType:
		return assign(to, s.text, ParsePeer)
	case protocolType:
		return assign(to, s.text, parseProtocol)
	case durationType:
		return assign(to, s.text, parseDuration)
	case sizeType:
		return assign(to, s.text, parseSize)
	}
	switch to.Kind() {
	case reflect.String:
		return s.setString(to)
	case reflect.Bool:
		return s.setBool(to)
	case reflect.Int:
		return s.setInt(to)
	case reflect.Uint16, reflect.Uint32:
		return s.setUint(to)
	default:
		return fmt.Errorf("a field of type %v cannot be read", to.Type()) // a test reads every field
	}
}

func assign[T any](to reflect.Value, text string, parse func(string) (T, error)) error {
	v, err := parse(text)
	if err != nil {
		return err
	}
	to.Set(reflect.ValueOf(v))
	return nil
}

func (s scalar) setString(to reflect.Value) error {
	if s.kind == noText {
		return fmt.Errorf("%s is not text; put it in quotes", quote(s.text))
	}
	to.SetString(s.text)
	return nil
}

func (s scalar) setBool(to reflect.Value) error {
	if s.kind != noText || s.text != "true" && s.text != "false" {
		return fmt.Errorf("%s is neither true nor false; write one of them without quotes", quote(s.text))
	}
	to.SetBool(s.text == "true")
	return nil
}

func (s scalar) setInt(to reflect.Value) error {
	if err := s.checkNumber(); err != nil {
		return err
	}
	n, err := strconv.ParseInt(s.text, 10, 64)
	if err != nil || to.OverflowInt(n) {
		return fmt.Errorf("%s is out of range; no key takes so much", quote(s.text))
	}
	to.SetInt(n)
	return nil
}

func (s scalar) setUint(to reflect.Value) error {
	if err := s.checkNumber(); err != nil {
		return err
	}
	n, err := strconv.ParseUint(s.text, 10, 64)
	if err != nil || to.OverflowUint(n) {
		return fmt.Errorf("%s is out of range; a number up to %d is wanted", quote(s.text), uint64(1)<<to.Type().Bits()-1)
	}
	to.SetUint(n)
	return nil
}

func (s scalar) checkNumber() error {
	if s.kind == quotedText {
		return fmt.Errorf("%s is text; write the number without quotes", quote(s.text))
	}
	if !decimal(s.text) {
		return fmt.Errorf("%s is not a plain whole number; write digits only, without a leading zero", quote(s.text))
	}
	return nil
}

var decimalDigits = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// decimal tells whether every reader of YAML takes text for the same number:
// 017, 0x11, 1_000 and 1e3 are not.
func decimal(text string) bool { return decimalDigits.MatchString(text) }

func parseProtocol(text string) (classify.Protocol, error) {
	p, err := classify.ParseProtocol(text)
	if err != nil {
		return 0, fmt.Errorf("%s is not a protocol with ports; of tcp, udp, sctp, dccp", quote(text))
	}
	return p, nil
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || decimal(text) {
		return 0, fmt.Errorf("%s is not a duration; write a number and its unit, such as 30s or 5m", quote(text))
	}
	return d, nil
}
