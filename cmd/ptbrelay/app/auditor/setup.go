// Package auditor makes the reports of an audit: of a capture file, of a host for a while,
// and of a host for as long as its daemon runs.
// It counts and judges nothing itself: audit and audit/check do.
package auditor

import (
	"ptbrelay/audit/check"
	"ptbrelay/classify"
)

// Setup is what an audit by itself goes by.
type Setup struct {
	Version string          // of this program, for the report
	Policy  classify.Policy // decides on SYNs too
	ASNDB   string          // the path of a database of autonomous systems; empty: none
	Expect  check.Expect    // of this host; not for a file
}
