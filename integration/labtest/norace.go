//go:build !race

package labtest

// RaceEnabled says that this binary, and so every daemon that [Start] runs, has
// the race detector in it and is several times slower for that.
const RaceEnabled = false
