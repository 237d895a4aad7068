package firewall

// match is whether something holds of a packet.
type match uint8

const (
	no match = iota
	maybe
	yes
)

func (m match) not() match { return yes - m }

// and is whether both hold.
func (m match) and(o match) match { return min(m, o) }

func certain(b bool) match {
	if b {
		return yes
	}
	return no
}
