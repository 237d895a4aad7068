package firewall

import (
	"errors"

	"golang.org/x/sys/unix"
)

func (r *reader) readSet(t *table, name string) error {
	if t.sets[name] != nil {
		return nil
	}
	if r.sets++; r.sets > mostSets {
		t.sets[name] = &set{unread: true}
		return nil
	}
	info, err := r.setInfo(t, name)
	if err != nil {
		return err
	}
	raw, err := r.setElements(t, name)
	if errors.Is(err, errTooMany) {
		t.sets[name] = &set{unread: true}
		return nil
	}
	if err != nil {
		return err
	}
	t.sets[name] = makeSet(info, raw)
	for _, e := range raw {
		r.followVerdict(t, e.verdict)
	}
	return nil
}

func (r *reader) setInfo(t *table, name string) (info setInfo, err error) {
	q := r.about(unix.NFT_MSG_GETSET, t, unix.NFTA_SET_TABLE, unix.NFTA_SET_NAME, name)
	err = r.ask(q, func(m answer) error {
		info, err = decodeSet(parse(m.attributes))
		return err
	})
	return info, err
}

// errTooMany: a set has more elements than are read.
var errTooMany = errors.New("too many elements")

func (r *reader) setElements(t *table, name string) (all []rawElement, err error) {
	q := r.about(unix.NFT_MSG_GETSETELEM, t, unix.NFTA_SET_ELEM_LIST_TABLE, unix.NFTA_SET_ELEM_LIST_SET, name)
	q.dump = true
	err = r.ask(q, func(m answer) error {
		a := parse(m.attributes)
		list, err := elements(a.by[unix.NFTA_SET_ELEM_LIST_ELEMENTS])
		if err != nil || a.err != nil {
			return errors.Join(err, a.err)
		}
		if len(all)+len(list) > mostElements || r.elements+len(list) > mostKeys {
			return errTooMany
		}
		r.elements += len(list)
		for _, b := range list {
			e, err := decodeElement(b)
			if err != nil {
				return err
			}
			all = append(all, e)
		}
		return nil
	})
	return all, err
}
