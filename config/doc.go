// Package config turns a YAML file into validated, typed values: [Parse] and
// [Load] read, [Default] is what an absent or empty file means, and
// [Config.Validate] judges values wherever they come from, so that a command
// can set fields by its flags and ask again.
//
// Reading is stricter than YAML. Unknown and duplicate keys are errors, with
// line and column. A number is decimal digits and nothing else: 017, 0x11,
// 1_000 and "17" are refused, because readers of YAML disagree about them.
// Anchors, aliases, tags, merge keys, block texts and more than one document
// are refused, because no key needs them and they are how a small file becomes
// a large one. The syntax tree is goccy/go-yaml's; filling the struct is done
// here, because that library's decoder stops at the first problem and an
// operator wants all of them.
//
// It is not responsible for what only a running host can tell: whether an
// interface exists, an address is local, a path can be opened, a port is free.
// Nor for the flags, the reload itself, or whether a command needs a key that
// another can do without.
package config
