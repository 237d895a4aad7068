package output

import (
	"net/netip"
	"strconv"
)

// MTU is a next-hop MTU in bytes as a column has it; 0 is one that is not known.
func MTU(bytes uint32) string {
	if bytes == 0 {
		return "-"
	}
	return strconv.FormatUint(uint64(bytes), 10)
}

// Endpoint is an address with its port, if it has one, as a column has it.
func Endpoint(a netip.Addr, port uint16) string {
	switch {
	case !a.IsValid():
		return "-"
	case port == 0:
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
}
