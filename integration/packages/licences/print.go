package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
)

const head = `# Licences

The binary of ptbrelay has parts of these modules, each under its own licence, here by
its SPDX identifier. ` + "`make licences`" + ` writes this page with all the texts to
dist/LICENCES, and the packages install it.

| module | version | licence |
|---|---|---|
`

// table lists the modules with their licences.
func table(modules []*module) (string, error) {
	var b strings.Builder
	b.WriteString(head)
	for _, m := range modules {
		id, err := m.licences()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.path, cmp.Or(m.version, "-"), id)
	}
	return b.String(), nil
}

// textMark is before every text.
var textMark = "\n" + strings.Repeat("=", 79) + "\n"

// texts has every text once, below the names of the files that have it.
func texts(modules []*module) string {
	var distinct []string
	holders := make(map[string][]string)
	for _, m := range modules {
		for _, name := range m.names() {
			text := m.files[name]
			if holders[text] == nil {
				distinct = append(distinct, text)
			}
			holders[text] = append(holders[text], filepath.Join(m.path, name))
		}
	}
	var b strings.Builder
	for _, text := range distinct {
		fmt.Fprintf(&b, "%s%s\n\n%s\n", textMark, strings.Join(holders[text], "\n"), strings.TrimSpace(text))
	}
	return b.String()
}
