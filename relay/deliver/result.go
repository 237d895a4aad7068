package deliver

// Result is what became of the path MTU of a sampled flow, as a metric label.
type Result uint8

// The results.
const (
	// Applied: it was larger than the PTB reports, and is not any more.
	Applied Result = iota
	// Unchanged: it was not larger before.
	Unchanged
	// Ignored: it was larger and still is, 200 ms after the injection. So end
	// forged PTBs, and those of a flow that has moved on.
	Ignored
	// Unknown: it could not be read. The socket or the route has gone, or the
	// protocol is one whose sockets the kernel does not show.
	Unknown

	// NumResults is for arrays indexed by Result.
	NumResults
)

var resultNames = [NumResults]string{
	Applied:   "applied",
	Unchanged: "unchanged",
	Ignored:   "ignored",
	Unknown:   "unknown",
}

// String is the result's name, which is also its metric label.
func (r Result) String() string {
	if r < NumResults {
		return resultNames[r]
	}
	return "invalid"
}
