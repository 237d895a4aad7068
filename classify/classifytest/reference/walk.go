package reference

import (
	"errors"
	"strings"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// walk goes over IPv6 extension headers (RFC 8200 §4), each read by gopacket.
type walk struct {
	next    layers.IPProtocol // of what rest starts with
	rest    []byte
	headers int // met

	fragment     bool  // of several (RFC 6946)
	later        bool  // a fragment other than the first: nothing behind it is a header
	segmentsLeft bool  // RFC 8200 §4.4
	misplaced    bool  // a hop-by-hop header that is not the first (§4.3)
	cut          bool  // the bytes end within a header, or leave less than 8 of the next
	failed       error // gopacket does not read a header that is all there
}

func (w *walk) run() {
	for {
		if len(w.rest) < 8 {
			w.cut = true
		}
		if w.cut || w.later || !w.extension() {
			return
		}
		if w.next == layers.IPProtocolIPv6HopByHop && w.headers > 0 {
			w.misplaced = true
			return
		}
		w.headers++
		if err := w.step(); err != nil {
			if w.cut = tooShort(err); !w.cut {
				w.failed = err
			}
			return
		}
	}
}

// extension tells whether a header follows that can be gone over.
func (w *walk) extension() bool {
	switch w.next {
	case layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Routing, layers.IPProtocolIPv6Fragment,
		layers.IPProtocolAH, layers.IPProtocolIPv6Destination:
		return true
	}
	return false
}

// step goes over one header.
func (w *walk) step() error {
	switch w.next {
	case layers.IPProtocolIPv6HopByHop:
		var h layers.IPv6HopByHop
		if err := h.DecodeFromBytes(w.rest, gopacket.NilDecodeFeedback); err != nil {
			return err
		}
		w.next, w.rest = h.NextHeader, h.Payload
		return nil
	case layers.IPProtocolIPv6Destination:
		var h layers.IPv6Destination
		if err := h.DecodeFromBytes(w.rest, gopacket.NilDecodeFeedback); err != nil {
			return err
		}
		w.next, w.rest = h.NextHeader, h.Payload
		return nil
	}
	return w.stepByPacket()
}

// stepByPacket goes over a header that gopacket reads as part of packets only.
func (w *walk) stepByPacket() error {
	options := gopacket.DecodeOptions{Lazy: true, NoCopy: true}
	packet := gopacket.NewPacket(w.rest, w.next.LayerType(), options)
	switch h := packet.Layer(w.next.LayerType()).(type) {
	case *layers.IPv6Routing:
		w.segmentsLeft = w.segmentsLeft || h.SegmentsLeft != 0
		w.next, w.rest = h.NextHeader, h.Payload
	case *layers.IPv6Fragment:
		w.later = h.FragmentOffset != 0
		w.fragment = w.fragment || w.later || h.MoreFragments
		w.next, w.rest = h.NextHeader, h.Payload
	case *layers.IPSecAH:
		w.next, w.rest = h.NextHeader, h.Payload
	default:
		if failure := packet.ErrorLayer(); failure != nil {
			return failure.Error()
		}
		return errors.New("gopacket reads another header")
	}
	return nil
}

// tooShort tells gopacket's complaints about missing bytes from others.
func tooShort(err error) bool {
	text := err.Error()
	return strings.Contains(text, "less than specified length") ||
		strings.Contains(text, "Truncated AH packet") || strings.Contains(text, "AH packet less than")
}
