package config

import (
	"strings"

	"github.com/goccy/go-yaml/token"
)

// checkTokens refuses what no key needs, before anything recurses over it.
func checkTokens(tokens token.Tokens) *Problem {
	var keys, flow, entries, entryLine int
	begun, content := false, false
	for _, t := range tokens {
		if refused := refusedToken(t); refused != "" {
			return problemAt(t, "%s", refused)
		}
		switch t.Type {
		case token.CommentType:
			continue
		case token.DocumentHeaderType:
			if begun || content {
				return problemAt(t, "a second document; a configuration is one")
			}
			begun = true
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

// refusedToken says what to do about a token that no configuration needs, and
// "" of any other.
func refusedToken(t *token.Token) string {
	const writeOut = "; write the value out, on one line"
	switch t.Type {
	case token.AnchorType:
		return "an anchor (&) is not used here" + writeOut
	case token.AliasType:
		return "an alias (*) is not used here" + writeOut
	case token.MergeKeyType:
		return "a merge key (<<) is not used here" + writeOut
	case token.LiteralType, token.FoldedType:
		return "a block text (| or >) is not used here" + writeOut
	case token.TagType:
		return "a tag (!) is not used here; remove it, or put the text in quotes"
	case token.MappingKeyType:
		return "an explicit key (?) is not used here; write key: value"
	case token.DirectiveType:
		return "a directive (%) is not used here; remove it, or put the text in quotes"
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
