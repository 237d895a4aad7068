package rules

import (
	"slices"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// exprs is one rule in the kernel's terms. Each function below builds what nft
// itself builds for the text that stands beside its call.
type exprs []expr.Any

const register = 1 // the first general register

func load(key expr.MetaKey) expr.Any { return &expr.Meta{Key: key, Register: register} }

func compare(op expr.CmpOp, data ...byte) expr.Any {
	return &expr.Cmp{Op: op, Register: register, Data: data}
}

func payload(base expr.PayloadBase, offset, size uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: size}
}

func verdict(kind expr.VerdictKind, chain string) expr.Any {
	return &expr.Verdict{Kind: kind, Chain: chain}
}

func giveBack() expr.Any { return verdict(expr.VerdictReturn, "") }

func returnFamily(ipv6 bool) exprs { return append(matchFamily(ipv6), giveBack()) }

func matchFamily(ipv6 bool) exprs {
	proto := byte(unix.NFPROTO_IPV4)
	if ipv6 {
		proto = unix.NFPROTO_IPV6
	}
	return exprs{load(expr.MetaKeyNFPROTO), compare(expr.CmpOpEq, proto)}
}

// fragNeeded tests type and code in one load, ICMP type 3 code 4 (RFC 792).
func fragNeeded(target string) exprs {
	return slices.Concat(
		exprs{payload(expr.PayloadBaseTransportHeader, 0, 2), compare(expr.CmpOpEq, 3, 4)},
		exprs{load(expr.MetaKeyL4PROTO), compare(expr.CmpOpEq, unix.IPPROTO_ICMP)},
		matchFamily(false),
		exprs{verdict(expr.VerdictGoto, target)})
}

// packetTooBig tests for ICMPv6 type 2 with any code (RFC 4443, 3.2).
func packetTooBig(target string) exprs {
	return slices.Concat(
		exprs{payload(expr.PayloadBaseTransportHeader, 0, 1), compare(expr.CmpOpEq, 2)},
		exprs{load(expr.MetaKeyL4PROTO), compare(expr.CmpOpEq, unix.IPPROTO_ICMPV6)},
		matchFamily(true),
		exprs{verdict(expr.VerdictGoto, target)})
}

// opening tests TCP's flags for SYN without FIN, RST or ACK (RFC 9293, 3.1):
// PSH, URG and the flags of ECN (RFC 3168) are not looked at. The flags are loaded
// with their neighbours, for a mask of four bytes is what the kernel applies
// without a call (nft_bitwise_fast_ops).
func opening(target string) exprs {
	const offset, size, relevant, syn = 12, 4, 0x17, 0x02
	return exprs{
		payload(expr.PayloadBaseTransportHeader, offset, size),
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: size, Mask: []byte{0, relevant, 0, 0}, Xor: make([]byte, size)},
		compare(expr.CmpOpEq, 0, syn, 0, 0),
		load(expr.MetaKeyL4PROTO), compare(expr.CmpOpEq, unix.IPPROTO_TCP),
		verdict(expr.VerdictGoto, target),
	}
}

// loopback passes over what this host sent to itself: injected copies come in
// that way. The loopback interface has index 1 in every network namespace.
func loopback() exprs {
	return exprs{
		load(expr.MetaKeyIIF), compare(expr.CmpOpEq, binaryutil.NativeEndian.PutUint32(1)...),
		giveBack(),
	}
}

// notToThisHost passes over frames that are not addressed to this host's MAC
// address: broadcast copies above all, or they would be relayed for ever.
func notToThisHost() exprs {
	return exprs{
		load(expr.MetaKeyPKTTYPE), compare(expr.CmpOpNeq, unix.PACKET_HOST),
		giveBack(),
	}
}

func notLocal() exprs {
	return exprs{
		&expr.Fib{Register: register, FlagDADDR: true, ResultADDRTYPE: true},
		compare(expr.CmpOpNeq, binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)...),
		giveBack(),
	}
}

func notInSet(name string, ipv6 bool) exprs {
	daddr := payload(expr.PayloadBaseNetworkHeader, 16, 4)
	if ipv6 {
		daddr = payload(expr.PayloadBaseNetworkHeader, 24, 16)
	}
	return append(matchFamily(ipv6), daddr,
		&expr.Lookup{SourceRegister: register, SetName: name, Invert: true},
		giveBack())
}

func guard(rate, burst uint32) exprs {
	return exprs{
		&expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(rate), Unit: expr.LimitTimeSecond, Burst: burst, Over: true},
		&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: guardName},
		giveBack(),
	}
}

func logUpTo(rate, burst uint32, group, threshold uint16) exprs {
	return append(append(exprs{upTo(rate, burst)}, log(group, threshold)...), giveBack())
}

// logSample logs the first snap bytes of each packet, from the IP header on.
func logSample(rate, burst uint32, group, threshold uint16, snap uint32) exprs {
	return exprs{upTo(rate, burst), &expr.Log{
		Key:        1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_SNAPLEN | 1<<unix.NFTA_LOG_QTHRESHOLD,
		Group:      group,
		Snaplen:    snap,
		QThreshold: threshold,
	}}
}

func upTo(rate, burst uint32) expr.Any {
	return &expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(rate), Unit: expr.LimitTimeSecond, Burst: burst}
}

func log(group, threshold uint16) exprs {
	return exprs{&expr.Log{
		Key:        1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_QTHRESHOLD,
		Group:      group,
		QThreshold: threshold,
	}}
}
