package firewall

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// fake answers by the kind of question. Bytes of one generation are those of the
// call.
type fake struct {
	generation func() uint32
	chains     [][]byte
	rules      func(each func(answer) error) error
	err        error
}

func (f fake) ask(q question, each func(answer) error) error {
	say := func(all ...[]byte) error {
		for _, b := range all {
			if err := each(answer{familyINet, b}); err != nil {
				return err
			}
		}
		return nil
	}
	if f.err != nil {
		return f.err
	}
	switch q.kind {
	case unix.NFT_MSG_GETGEN:
		return say(marshal(number(genID, f.generation())))
	case unix.NFT_MSG_GETTABLE:
		return say(marshal(text(tableName, "filter")))
	case unix.NFT_MSG_GETCHAIN:
		return say(f.chains...)
	case unix.NFT_MSG_GETRULE:
		if err := f.rules(each); !errors.Is(err, errEnough) {
			return err
		}
	}
	return nil
}

func marshal(all ...netlink.Attribute) []byte {
	b, err := netlink.MarshalAttributes(all)
	if err != nil {
		panic(err)
	}
	return b
}

func number(kind uint16, v uint32) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}}
}

func text(kind uint16, s string) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: []byte(s + "\x00")}
}

func nest(kind uint16, all ...netlink.Attribute) netlink.Attribute {
	return netlink.Attribute{Type: kind | unix.NLA_F_NESTED, Data: marshal(all...)}
}

// inputChain is "type filter hook input priority 0; policy accept".
func inputChain() []byte {
	return marshal(
		text(unix.NFTA_CHAIN_TABLE, "filter"), text(unix.NFTA_CHAIN_NAME, "input"), text(unix.NFTA_CHAIN_TYPE, "filter"),
		number(unix.NFTA_CHAIN_POLICY, nfAccept),
		nest(unix.NFTA_CHAIN_HOOK, number(unix.NFTA_HOOK_HOOKNUM, hookInput), number(unix.NFTA_HOOK_PRIORITY, 0)),
	)
}

func steady() uint32 { return 7 }

// A chain longer than is read may do anything.
func TestReadTooManyRules(t *testing.T) {
	rule := marshal(netlink.Attribute{Type: unix.NFTA_RULE_HANDLE, Data: make([]byte, 8)}, nest(unix.NFTA_RULE_EXPRESSIONS))
	asked := 0
	r, err := read(fake{generation: steady, chains: [][]byte{inputChain()}, rules: func(each func(answer) error) error {
		for {
			asked++
			if err := each(answer{familyINet, rule}); err != nil {
				return err
			}
		}
	}})
	if err != nil || asked != mostRules+1 {
		t.Fatalf("%v after %d rules", err, asked)
	}
	want := Outcome{MayDrop, "inet filter input", "too many rules to read"}
	if o := r.Fate(PTB{}); o != want {
		t.Errorf("%+v, want %+v", o, want)
	}
}

// Rules that change meanwhile are read again, up to a point.
func TestReadAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes int
		err     error
	}{
		{"at rest", 0, nil},
		{"once", 1, nil},
		{"always", 1 << 30, errChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := uint32(0)
			_, err := readUndisturbed(fake{generation: func() uint32 {
				asked++
				return min(asked, uint32(2*c.changes))
			}})
			if !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if most := uint32(2 * attempts); asked > most {
				t.Errorf("asked %d times, want at most %d", asked, most)
			}
			if err != nil && !strings.Contains(explain(err).Error(), "try again") {
				t.Errorf("error %v", explain(err))
			}
		})
	}
}

// A kernel without nf_tables has no rules; another refusal is an error.
func TestReadWithoutNFTables(t *testing.T) {
	for _, absent := range []error{unix.EINVAL, unix.EPROTONOSUPPORT} {
		r, err := readUndisturbed(fake{err: absent})
		if o := r.Fate(PTB{State: Invalid}); err != nil || o != (Outcome{}) {
			t.Errorf("%v: %+v, %v", absent, o, err)
		}
	}
	if _, err := readUndisturbed(fake{err: unix.ENOMEM}); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("error %v", err)
	}
}

// Datagrams of netlink, broken in every place, are an error or answers.
func TestAnswers(t *testing.T) {
	message := func(kind netlink.HeaderType, flags netlink.HeaderFlags, data []byte) []byte {
		b, err := netlink.Message{Header: netlink.Header{Length: uint32(unix.SizeofNlMsghdr + len(data)), Type: kind, Flags: flags}, Data: data}.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const rule = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWRULE
	one := message(rule, netlink.Multi, []byte{byte(familyINet), 0, 0, 0, 1, 2, 3, 4})
	refused := []byte{0xff, 0xff, 0xff, 0xff} // -EPERM
	for _, c := range []struct {
		name    string
		b       []byte
		answers int
		done    bool
		err     error
	}{
		{"two", append(bytes.Clone(one), one...), 2, false, nil},
		{"the last", append(bytes.Clone(one), message(unix.NLMSG_DONE, netlink.Multi, make([]byte, 4))...), 1, true, nil},
		{"nothing", nil, 0, false, nil},
		{"changed", message(rule, netlink.Multi|unix.NLM_F_DUMP_INTR, one[16:]), 0, false, errChanged},
		{"refused", message(unix.NLMSG_ERROR, 0, refused), 0, true, unix.EPERM},
		{"ends with an error", message(unix.NLMSG_DONE, netlink.Multi, refused), 0, true, unix.EPERM},
		{"ends without its errno", message(unix.NLMSG_DONE, netlink.Multi, nil), 0, true, errMissing},
		{"no family", message(rule, netlink.Multi, nil), 0, false, errMissing},
		{"cut", one[:20], 0, false, unix.EINVAL},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			done, err := answers(c.b, func(answer) error { n++; return nil })
			if n != c.answers || done != c.done || !errors.Is(err, c.err) {
				t.Errorf("%d answers, done %v, %v; want %d, %v, %v", n, done, err, c.answers, c.done, c.err)
			}
		})
	}
}

// failing has no answer to questions of one kind.
type failing struct {
	asker
	kind uint8
}

var errBroken = errors.New("broken")

func (f failing) ask(q question, each func(answer) error) error {
	if q.kind == f.kind {
		return errBroken
	}
	return f.asker.ask(q, each)
}

// What cannot be read is an error, never a rule less.
func TestReadFails(t *testing.T) {
	p := tapes(t)["menagerie"]
	for name, kind := range map[string]uint8{
		"generation": unix.NFT_MSG_GETGEN, "tables": unix.NFT_MSG_GETTABLE, "chains": unix.NFT_MSG_GETCHAIN,
		"rules": unix.NFT_MSG_GETRULE, "sets": unix.NFT_MSG_GETSET, "elements": unix.NFT_MSG_GETSETELEM,
	} {
		if _, err := read(failing{p, kind}); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Chains and sets beyond what is read are known to be there, and not asked for.
func TestReadHasAnEnd(t *testing.T) {
	tab := &table{family: familyINet, name: "filter", chains: make(map[string]*chain), sets: make(map[string]*set)}
	r := reader{asker: fake{err: errBroken}, read: make([]*chain, mostChains), sets: mostSets}
	c := &chain{table: tab, name: "one more"}
	if r.want(c); tab.chains[c.name] != c || !c.unread || len(r.unread) > 0 {
		t.Errorf("chain %+v, to be read %d", c, len(r.unread))
	}
	if err := r.readSet(tab, "one more"); err != nil || !tab.sets["one more"].unread {
		t.Errorf("set %+v, %v", tab.sets["one more"], err)
	}
}
