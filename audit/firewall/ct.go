package firewall

import "encoding/binary"

// ctState is the key of ct whose value is known (enum nft_ct_keys).
const ctState = 0

const (
	ctMark     = 3
	ctMarkName = "ct mark"
)

// ctNames are the keys that rules ask for, with the bytes of the others' values.
var ctNames = map[uint32]string{1: "ct direction", 2: "ct status", 13: "ct label", 17: "ct zone"}

const longestCt = 16

func ctField(key uint32) field {
	if key == ctState {
		return field{"ct state", 4, showStates, sure(trackState)}
	}
	if key == ctMark {
		return field{ctMarkName, 4, showFlags, recallMark}
	}
	name := ctNames[key]
	if name == "" {
		name = "ct …"
	}
	return field{name, longestCt, showFlags, ofConnection}
}

// trackState is the state joined over what conntrack may have made of the packet.
func trackState(r *run) word {
	var all word
	r.track.each(func(t track) {
		w := constant(binary.NativeEndian.AppendUint32(nil, t.bits())...)
		if all == nil {
			all = w
		}
		all = all.join(w)
	})
	return all
}

// ofConnection is a field that packets without a connection do not have.
func ofConnection(r *run) (word, match) { return unknown(longestCt), r.track.connection() }

// recallMark is the connection's mark, which is not kept: packets before may have
// changed it.
func recallMark(r *run) (word, match) { return connectionMark.word(), r.track.connection() }

// notrack has conntrack pass over the packet.
type notrack struct{}

func (notrack) eval(r *run) match {
	r.notrack()
	return yes
}

func (notrack) tell(*speech) string { return "notrack" }
