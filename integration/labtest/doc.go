// Package labtest is the testing side of package lab: it brings a test binary
// into the lab's namespaces, builds labs that clean up and explain themselves
// when a test fails, and waits for events instead of sleeping.
//
// A package that uses it has one line of TestMain:
//
//	func TestMain(m *testing.M) { labtest.Main(m, daemon) }
//
// where daemon runs the program under test, for [Start] runs this very test
// binary on a node. Where the host does not allow namespaces, or lacks something
// else ([Unable]), tests skip; with PTBRELAY_REQUIRE_LAB=1 they fail instead.
//
// The package is not responsible for the network itself (package lab), nor
// for what a daemon's metrics or packets mean.
package labtest
