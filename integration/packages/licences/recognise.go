package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// and joins SPDX identifiers, all of which hold.
const and = " AND "

// known has the licences that somebody has read, as SPDX expressions, by their digest.
// They differ in titles and in the names of those who are not to be named for
// promotion. So a text with one word more or less is not taken for one of them.
var known = map[string]string{
	"95f35d79ea3bab75": "Apache-2.0",
	"37599287c15c2f2e": "Apache-2.0", // without the appendix
	"a695632dae7eddc4": "Apache-2.0", // the notice of the appendix filled in
	"a6fb6ca70ec9c765": "Apache-2.0", // lists not lettered
	"72bf41a265bfa648": "BSD-2-Clause",
	"cb1ce31a60c2422f": "BSD-3-Clause", // Google LLC
	"526279aa5ce65fb2": "BSD-3-Clause", // Google Inc.
	"4ada7914b7de1358": "BSD-3-Clause", // Google Inc., copyright without a year
	"305795ee779a3f7a": "BSD-3-Clause", // Open Knowledge Foundation
	"f172f90a892d869d": "ISC",
	"0cf21bdfd1964a97": "MIT", // no title
	"35a446201226de6b": "MIT", // "MIT License"
	"6c833965e9ca4cf8": "MIT", // "The MIT License (MIT)"
	"af3d38a774a9d3be": "MIT", // names the files of libyaml
	"1083d3dcf348b543": "Apache-2.0" + and + "MIT",
}

var (
	copyright = regexp.MustCompile(`(?mi)^\W*copyright (\(c\)|©)? *\d{4}.*$`)
	word      = regexp.MustCompile(`[a-z0-9]+`)
)

// digest names a text by its words, without the lines of copyright.
func digest(text string) string {
	words := word.FindAllString(strings.ToLower(copyright.ReplaceAllString(text, "")), -1)
	sum := sha256.Sum256([]byte(strings.Join(words, " ")))
	return hex.EncodeToString(sum[:8])
}

// recognise returns the SPDX expression of a licence.
func recognise(text string) (string, error) {
	d := digest(text)
	id, ok := known[d]
	if !ok {
		return "", fmt.Errorf("an unknown licence, digest %s: read it, and if ptbrelay may hold it add it to the known ones", d)
	}
	return id, nil
}
