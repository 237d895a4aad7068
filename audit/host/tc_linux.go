package host

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// struct tcmsg of linux/rtnetlink.h, and what linux/pkt_sched.h and
// linux/pkt_cls.h say of filters.
const (
	tcmsgBytes   = 20
	tcmInterface = 4 // offsets
	tcmHandle    = 8
	tcmParent    = 12

	// ingressBlock is TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS): where clsact has
	// its filters of ingress. The older ingress qdisc takes any minor number for
	// its only block (ingress_find in net/sched/sch_ingress.c).
	ingressBlock = 0xfffffff2

	bpfName = 7  // TCA_BPF_NAME
	bpfID   = 11 // TCA_BPF_ID
)

// appendFilters reads the filters at a link's ingress (tc_dump_tfilter in
// net/sched/cls_api.c); a link without the qdisc for them has none, and one that
// has gone too.
func appendFilters(programs []Program, s *stream, index int) ([]Program, error) {
	header := make([]byte, tcmsgBytes)
	binary.NativeEndian.PutUint32(header[tcmInterface:], uint32(index))
	binary.NativeEndian.PutUint32(header[tcmParent:], ingressBlock)
	f := filters{programs: programs, before: len(programs), index: index}
	_, err := s.dump(unix.RTM_GETTFILTER, unix.RTM_NEWTFILTER, header, &f)
	return f.programs, err
}

// filters collects those of one link behind other programs.
type filters struct {
	programs []Program
	before   int // how many are others
	index    int // of the link
}

func (f *filters) begin() { f.programs = f.programs[:f.before] }

func (f *filters) add(b []byte) error {
	p, ok, err := decodeFilter(b)
	if err != nil || !ok {
		return err
	}
	if len(f.programs) >= MaxPrograms {
		return errPrograms
	}
	p.Interface = f.index // a block that links share answers with none
	f.programs = append(f.programs, p)
	return nil
}

// decodeFilter reads struct tcmsg and its attributes. The kernel tells first of
// all filters of one kind and priority together, with no handle, then of each
// (tcf_chain_dump in net/sched/cls_api.c): ok is true for each of BPF, which have
// names, and for the others together.
func decodeFilter(b []byte) (p Program, ok bool, err error) {
	if len(b) < tcmsgBytes {
		return Program{}, false, errShort
	}
	together := binary.NativeEndian.Uint32(b[tcmHandle:]) == 0
	p = Program{Kind: kindTC}
	var options []byte
	a := attributes{rest: b[tcmsgBytes:]}
	for a.next() {
		switch a.kind {
		case unix.TCA_KIND:
			p.Name = unix.ByteSliceToString(a.value)
		case unix.TCA_OPTIONS:
			options = a.value
		}
	}
	if a.err != nil {
		return Program{}, false, a.err
	}
	if p.Name != "bpf" {
		return p, together, nil
	}
	if err := p.decodeBPF(options); err != nil {
		return Program{}, false, err
	}
	return p, !together, nil
}

// decodeBPF reads the options of a filter of BPF (cls_bpf_dump in
// net/sched/cls_bpf.c). Classic BPF has neither name nor number.
func (p *Program) decodeBPF(b []byte) error {
	a := attributes{rest: b}
	for a.next() {
		switch a.kind {
		case bpfName:
			p.Name = unix.ByteSliceToString(a.value)
		case bpfID:
			p.ID = a.number()
		}
	}
	return a.err
}
