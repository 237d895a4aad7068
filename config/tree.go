package config

import (
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// The library's time and stack grow with these, in places with their square or
// cube. Within them a hostile file costs less than a second; configurations
// are far smaller.
const (
	maxLines = 20000
	maxBlank = 1000 // white space and line breaks in a row
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

// startOf is the first token of a node; of a mapping the library's own is the
// colon behind its first key.
func startOf(node ast.Node) *token.Token {
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	return node.GetToken()
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
	tokens, problem := tokenize(source)
	if problem == nil {
		problem = checkTokens(tokens)
	}
	if problem != nil {
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
			return nil, problemAt(startOf(doc.Body), "a second document; a configuration is one")
		}
		root = doc.Body
	}
	return root, nil
}

// tokenize is the library's lexer, but it stops at the first token that is
// invalid, where the lexer goes on.
func tokenize(source string) (token.Tokens, *Problem) {
	var s scanner.Scanner
	s.Init(source)
	var tokens token.Tokens
	for {
		more, err := s.Scan()
		if errors.Is(err, io.EOF) {
			return tokens, nil
		}
		tokens.Add(more...)
		var invalid *scanner.InvalidTokenError
		if errors.As(err, &invalid) {
			return nil, problemAt(invalid.Token, "not YAML: %s", printable(short(invalid.Token.Error)))
		}
		if len(tokens) > maxNodes {
			return nil, problemAt(tokens[maxNodes], "more than %d values; this is no configuration", maxNodes)
		}
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
