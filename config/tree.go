package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The library's time grows with the square of these in the worst case; within
// them a hostile file costs about a second. Configurations are far smaller.
const (
	maxLines = 20000
	maxNodes = 100000
	maxKeys  = 1000
	maxDepth = 16
)

// A position is counted from 1; the zero value is unknown.
type position struct{ line, column int }

func positionOf(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

func problemAt(t *token.Token, format string, args ...any) *Problem {
	at := positionOf(t)
	return &Problem{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
}

// readTree returns the one document's top node, nil for an empty file. Where
// the library panics, which no file should make it do, that is a problem too.
func readTree(source string) (root ast.Node, problem *Problem) {
	defer func() {
		if recover() != nil {
			root, problem = nil, &Problem{Message: "cannot be read as YAML; write it as the reference is written"}
		}
	}()
	// Trailing blank lines after a block text take the scanner quadratic time.
	source = strings.TrimRightFunc(source, isBlank) + "\n"
	tokens := lexer.Tokenize(source)
	if problem := checkTokens(tokens); problem != nil {
		return nil, problem
	}
	if problem := checkComplete(source, tokens); problem != nil {
		return nil, problem
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxProblem(err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			return nil, problemAt(doc.Body.GetToken(), "a second document; a configuration is one")
		}
		root = doc.Body
	}
	return root, nil
}

// checkTokens refuses what no key needs, before anything recurses over it.
func checkTokens(tokens token.Tokens) *Problem {
	if len(tokens) > maxNodes {
		return problemAt(tokens[maxNodes], "more than %d values; this is no configuration", maxNodes)
	}
	var keys, flow, entries, entryLine int
	content, ended := false, false
	for _, t := range tokens {
		if refused := refusedToken(t); refused != "" {
			return problemAt(t, "%s; write the value out, on one line", refused)
		}
		switch t.Type {
		case token.CommentType:
			continue
		case token.DocumentHeaderType:
			if content || ended {
				return problemAt(t, "a second document; a configuration is one")
			}
			ended = true
			continue
		case token.DocumentEndType:
			continue
		case token.MappingValueType:
			keys++
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType:
			if t.Position.Line != entryLine {
				entries, entryLine = 0, t.Position.Line
			}
			entries++
		}
		content = true
		if flow > maxDepth || entries > maxDepth {
			return problemAt(t, "nested more than %d deep; this is no configuration", maxDepth)
		}
		if keys > maxKeys {
			return problemAt(t, "more than %d keys; this is no configuration", maxKeys)
		}
	}
	return nil
}

// refusedToken names a token that no configuration holds, else "".
func refusedToken(t *token.Token) string {
	switch t.Type {
	case token.AnchorType:
		return "an anchor (&)"
	case token.AliasType:
		return "an alias (*)"
	case token.MergeKeyType:
		return "a merge key (<<)"
	case token.TagType:
		return "a tag (!)"
	case token.MappingKeyType:
		return "an explicit key (?)"
	case token.LiteralType, token.FoldedType:
		return "a block text (| or >)"
	case token.DirectiveType:
		return "a directive (%)"
	}
	return ""
}

// checkComplete compares the tokens with the source, because the scanner drops
// some malformed text without a word, and a setting dropped is a setting
// ignored. White space does not count.
func checkComplete(source string, tokens token.Tokens) *Problem {
	rest := source
	for _, t := range tokens {
		for _, word := range strings.FieldsFunc(t.Origin, isBlank) {
			rest = strings.TrimLeftFunc(rest, isBlank)
			if !strings.HasPrefix(rest, word) {
				return lostProblem(source, len(source)-len(rest))
			}
			rest = rest[len(word):]
		}
	}
	if rest = strings.TrimLeftFunc(rest, isBlank); rest != "" {
		return lostProblem(source, len(source)-len(rest))
	}
	return nil
}

// isBlank tells YAML's white space and line breaks from Unicode's many others,
// which are text.
func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

func lostProblem(source string, offset int) *Problem {
	before := source[:offset]
	line := strings.LastIndexByte(before, '\n') + 1
	return &Problem{
		Line: strings.Count(before, "\n") + 1, Column: len([]rune(before[line:])) + 1,
		Message: "cannot be read as YAML; put the value in quotes or remove it",
	}
}

// syntaxProblem keeps the library's message and position, not its excerpt.
func syntaxProblem(err error) *Problem {
	var y yaml.Error
	if !errors.As(err, &y) {
		return &Problem{Message: "cannot be read as YAML: " + printable(short(err.Error()))}
	}
	return problemAt(y.GetToken(), "not YAML: %s", printable(short(y.GetMessage())))
}
