//go:build linux

package lab

import "fmt"

// Shape is how the servers are connected to the router.
type Shape int

// The shapes.
const (
	// ShapeSegment: router and servers share one Ethernet segment.
	ShapeSegment Shape = iota
	// ShapeRouted: each server has a link of its own to the router and no
	// neighbour but it. Between them reverse path filtering is strict.
	ShapeRouted
)

// String is "l2" or "l3": the layer that connects the servers.
func (s Shape) String() string {
	switch s {
	case ShapeSegment:
		return "l2"
	case ShapeRouted:
		return "l3"
	}
	return fmt.Sprintf("shape %d", int(s))
}

// rpFilter is the shape's usual reverse path filter, a value of rp_filter:
// routed fabrics have a strict one, for each source is behind one link.
func (s Shape) rpFilter() int {
	if s == ShapeRouted {
		return 1
	}
	return 0
}
