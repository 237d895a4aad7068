package classify

// Family is the IP version of a packet, as a metric label.
type Family uint8

// The closed set of families. FamilyUnknown goes with the verdict [NotIP] only.
const (
	FamilyUnknown Family = iota
	IPv4
	IPv6
)

// NumFamilies is the number of families, for arrays indexed by [Family].
const NumFamilies = 3

var familyNames = [NumFamilies]string{"unknown", "ipv4", "ipv6"}

// String returns the metric label: "unknown", "ipv4" or "ipv6".
func (f Family) String() string {
	if int(f) < len(familyNames) {
		return familyNames[f]
	}
	return familyNames[FamilyUnknown]
}
