package firewall

import "encoding/binary"

// What a fib expression looks up (enum nft_fib_result) and by what (nft_fib_flags).
const (
	fibType        = 3
	fibDestination = 1 << 1 // else the source
	fibMark        = 1 << 2
	fibInput       = 1 << 3
	fibOutput      = 1 << 4
)

// fibBytes is the longest result, the name of an interface.
const fibBytes = 16

// fibField is a look-up in the FIB. Which route leads back to a router is not
// known, nor on which interface the VIP is.
func fibField(result, flags uint32) field {
	f := field{name: fibName(result, flags), bytes: fibBytes, show: showRoute,
		read: sure(func(*run) word { return unknown(fibBytes) })}
	if result != fibType {
		return f
	}
	f.bytes, f.show = 4, showRouteType
	switch {
	case flags&fibInput != 0:
		f.read = sure(func(*run) word { return unknown(4) })
	case flags&fibDestination != 0:
		f.read = ofPTB(constant(binary.NativeEndian.AppendUint32(nil, routeLocal)...))
	default:
		f.read = ofPTB(sourceType.word())
	}
	return f
}

// fibName is nft's name for it.
func fibName(result, flags uint32) string {
	name := "fib "
	if flags&fibDestination != 0 {
		name += "daddr"
	} else {
		name += "saddr"
	}
	for _, by := range []struct {
		flag uint32
		name string
	}{{fibMark, "mark"}, {fibInput, "iif"}, {fibOutput, "oif"}} {
		if flags&by.flag != 0 {
			name += " . " + by.name
		}
	}
	if result == fibType {
		return name + " type"
	}
	return name + " oif"
}
