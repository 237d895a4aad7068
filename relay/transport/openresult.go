package transport

// DatagramResult is what became of one datagram that came in.
type DatagramResult uint8

// The closed set of results. The order in which they are judged is in the
// package documentation.
const (
	Opened DatagramResult = iota
	Unauthenticated
	Replayed
	Stale
	BadVersion
	BadType
	BadSize
	Self
	Limited
)

// NumDatagramResults is the number of results, for arrays indexed by
// [DatagramResult].
const NumDatagramResults = int(Limited) + 1

var datagramResultNames = [NumDatagramResults]string{
	Opened:          "opened",
	Unauthenticated: "unauthenticated",
	Replayed:        "replayed",
	Stale:           "stale",
	BadVersion:      "bad-version",
	BadType:         "bad-type",
	BadSize:         "bad-size",
	Self:            "self",
	Limited:         "limited",
}

// String returns the metric label, such as "opened".
func (r DatagramResult) String() string {
	if int(r) < len(datagramResultNames) {
		return datagramResultNames[r]
	}
	return "invalid"
}
