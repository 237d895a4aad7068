//go:build linux

package lab

import "golang.org/x/sys/unix"

// MarkerEtherType marks frames that a test sends to prove an order (IEEE 802
// local experimental EtherType 1).
const MarkerEtherType = 0x88B5

// Ethernet and IP numbers that the filter and the parser share.
const (
	etherHeader   = 14
	etherTypeIPv4 = 0x0800
	etherTypeIPv6 = 0x86DD
	ipv6Header    = 40
)

// Jump targets that a program's assembly resolves.
const (
	jumpNext = 0xff - iota
	jumpKeep
	jumpDrop
)

// filter is the classic BPF program of a tap. By default it keeps marker
// frames, PTBs (IPv4 ICMP 3/4; ICMPv6 type 2 directly after the fixed header)
// and UDP to or from the given ports.
func (o TapOptions) filter() []unix.SockFilter {
	program := typeTests(o.Types)
	if o.All {
		return assemble(append(program, always(jumpKeep)))
	}
	return assemble(append(program, ptbTests(o.UDPPorts)...))
}

// typeTests drops frames of other packet types, which the kernel gives as
// ancillary data.
func typeTests(types []PacketType) []unix.SockFilter {
	if len(types) == 0 {
		return nil
	}
	tests := []unix.SockFilter{load(unix.BPF_B, packetTypeOffset)}
	for i, t := range types {
		tests = append(tests, test(unix.BPF_JEQ, uint32(t), uint8(len(types)-i), jumpNext))
	}
	return append(tests, always(jumpDrop))
}

// packetTypeOffset is SKF_AD_OFF + SKF_AD_PKTTYPE of linux/filter.h.
const packetTypeOffset = 0xfffff000 + 4

func ptbTests(udpPorts []uint16) []unix.SockFilter {
	var v4, v6 []unix.SockFilter
	v4 = append(v4,
		load(unix.BPF_H, etherHeader+6), // flags and fragment offset
		test(unix.BPF_JSET, 0x1fff, jumpDrop, jumpNext),
		stmt(unix.BPF_LDX|unix.BPF_B|unix.BPF_MSH, etherHeader),
		load(unix.BPF_B, etherHeader+9),
		test(unix.BPF_JEQ, unix.IPPROTO_ICMP, jumpNext, 2),
		indirect(etherHeader),
		test(unix.BPF_JEQ, 0x0304, jumpKeep, jumpDrop),
	)
	v4 = append(v4, udpTests(udpPorts, indirect(etherHeader), indirect(etherHeader+2))...)
	v6 = append(v6,
		load(unix.BPF_B, etherHeader+6),
		test(unix.BPF_JEQ, unix.IPPROTO_ICMPV6, jumpNext, 2),
		load(unix.BPF_B, etherHeader+ipv6Header),
		test(unix.BPF_JEQ, 2, jumpKeep, jumpDrop),
	)
	v6 = append(v6, udpTests(udpPorts, load(unix.BPF_H, etherHeader+ipv6Header), load(unix.BPF_H, etherHeader+ipv6Header+2))...)

	program := []unix.SockFilter{
		load(unix.BPF_H, etherHeader-2),
		test(unix.BPF_JEQ, MarkerEtherType, jumpKeep, jumpNext),
		test(unix.BPF_JEQ, etherTypeIPv4, jumpNext, uint8(len(v4))),
	}
	program = append(program, v4...)
	program = append(program, test(unix.BPF_JEQ, etherTypeIPv6, jumpNext, jumpDrop))
	program = append(program, v6...)
	return program
}

// udpTests continues a program whose accumulator holds the IP protocol; it
// always ends in a verdict.
func udpTests(ports []uint16, source, destination unix.SockFilter) []unix.SockFilter {
	tests := []unix.SockFilter{test(unix.BPF_JEQ, unix.IPPROTO_UDP, jumpNext, jumpDrop)}
	for _, which := range []unix.SockFilter{source, destination} {
		tests = append(tests, which)
		for _, port := range ports {
			tests = append(tests, test(unix.BPF_JEQ, uint32(port), jumpKeep, jumpNext))
		}
	}
	return append(tests, always(jumpDrop))
}

// assemble replaces the named jump targets by distances and appends the two
// verdicts.
func assemble(program []unix.SockFilter) []unix.SockFilter {
	keep := len(program)
	resolve := func(at int, target uint8) uint8 {
		switch target {
		case jumpNext:
			return 0
		case jumpKeep:
			return uint8(keep - at - 1)
		case jumpDrop:
			return uint8(keep + 1 - at - 1)
		}
		return target
	}
	for i := range program {
		if program[i].Code&0x07 == unix.BPF_JMP {
			program[i].Jt = resolve(i, program[i].Jt)
			program[i].Jf = resolve(i, program[i].Jf)
		}
	}
	return append(program,
		stmt(unix.BPF_RET|unix.BPF_K, 0x40000), // all of the frame
		stmt(unix.BPF_RET|unix.BPF_K, 0))
}

func stmt(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

func load(size uint16, offset uint32) unix.SockFilter {
	return stmt(unix.BPF_LD|size|unix.BPF_ABS, offset)
}

// indirect loads two bytes at offset after the IPv4 header's length in X.
func indirect(offset uint32) unix.SockFilter {
	return stmt(unix.BPF_LD|unix.BPF_H|unix.BPF_IND, offset)
}

// always jumps to one target.
func always(target uint8) unix.SockFilter { return test(unix.BPF_JEQ, 0, target, target) }

func test(op uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
}
