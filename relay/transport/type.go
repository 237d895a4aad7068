package transport

// Type is what a datagram carries: the second byte of its envelope.
type Type uint8

// The closed set of types. TypePassOn has its number, but nothing opens it yet:
// it ends as [BadType], as any number that is not here does.
const (
	TypeUnknown Type = iota
	TypePTB
	TypeProbe
	TypeReceipt
	TypePassOn
)

// NumTypes is the number of types, for arrays indexed by [Type].
const NumTypes = int(TypePassOn) + 1

var typeNames = [NumTypes]string{"unknown", "ptb", "probe", "receipt", "pass-on"}

// String returns the metric label: "ptb", "probe", "receipt", "pass-on" or
// "unknown".
func (t Type) String() string { return typeNames[t.known()] }

// known returns the type if it is one of the closed set, or else TypeUnknown.
func (t Type) known() Type {
	if int(t) < NumTypes {
		return t
	}
	return TypeUnknown
}
