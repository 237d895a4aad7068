package host

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// words collects bodies.
type words struct {
	list   []string
	begun  int
	refuse string // add fails with this one
}

var errRefused = errors.New("refused")

func (w *words) begin() { w.list, w.begun = nil, w.begun+1 }

func (w *words) add(b []byte) error {
	if string(b) == w.refuse {
		return errRefused
	}
	w.list = append(w.list, string(b))
	return nil
}

// answering is a socket to a kernel that has its answers ready: with every
// question those of the next dump are there to be read.
type answering struct {
	netlink.Socket // only Send is used
	t              testing.TB
	to             int
	dumps          [][][]byte // datagrams
}

func (a *answering) Send(question netlink.Message) error {
	if len(a.dumps) == 0 {
		return errors.New("asked once more")
	}
	for _, datagram := range a.dumps[0] {
		datagram = slices.Clone(datagram) // which may be that of other dumps too
		number(datagram, question.Header.Sequence)
		if _, err := unix.Write(a.to, datagram); err != nil {
			a.t.Error(err)
		}
	}
	a.dumps = a.dumps[1:]
	return nil
}

// number makes messages without a sequence number answers to the question.
func number(datagram []byte, sequence uint32) {
	for len(datagram) >= headerBytes {
		if at := datagram[nlmsgSequence:]; binary.NativeEndian.Uint32(at) == 0 {
			copy(at, u32(sequence))
		}
		length := int(binary.NativeEndian.Uint32(datagram))
		if length < headerBytes {
			return
		}
		datagram = datagram[min(align(length), len(datagram)):]
	}
}

// streamOf is a stream whose kernel answers so.
func streamOf(t *testing.T, dumps ...[][]byte) (*stream, *answering) {
	t.Helper()
	kernel, ours := socketPair(t)
	duplicate, err := unix.Dup(ours)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(duplicate), "stream")
	closeAtEnd(t, file)
	raw, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	a := &answering{t: t, to: kernel, dumps: dumps}
	return newStream(netlink.NewConn(a, 1), raw), a
}

func TestStreamDump(t *testing.T) {
	const kind, intr = unix.RTM_NEWROUTE, unix.NLM_F_DUMP_INTR
	say := func(flags uint16, word string) []byte { return message(-1, kind, flags, 0, []byte(word)...) }
	done := func(flags uint16, errno unix.Errno) []byte {
		return message(-1, unix.NLMSG_DONE, flags, 0, u32(uint32(-int32(errno)))...)
	}
	join := slices.Concat[[]byte]
	whole := [][]byte{join(say(0, "four"), say(0, "five"), say(0, "")), say(0, "more"), done(0, 0)}
	interrupted := [][]byte{join(say(0, "once"), say(intr, "gone")), done(0, 0)}
	for _, c := range []struct {
		name  string
		dumps [][][]byte
		want  []string
		whole bool
		err   string
		begun int
	}{
		{"whole", [][][]byte{whole}, []string{"four", "five", "", "more"}, true, "", 1},
		{"late answers to another question", [][][]byte{{join(message(-1, kind, intr, 1, []byte("late")...), say(0, "four"), message(-1, unix.NLMSG_DONE, 0, 1, u32(0)...)), done(0, 0)}},
			[]string{"four"}, true, "", 1},
		{"nothing", [][][]byte{{done(0, 0)}}, nil, true, "", 1},
		{"done with the last message", [][][]byte{{join(say(0, "four"), done(0, 0))}}, []string{"four"}, true, "", 1},
		{"interrupted once", [][][]byte{interrupted, whole}, []string{"four", "five", "", "more"}, true, "", 2},
		{"interrupted at its end", [][][]byte{{say(0, "four"), done(intr, 0)}, whole}, []string{"four", "five", "", "more"}, true, "", 2},
		{"interrupted each time", [][][]byte{interrupted, interrupted, interrupted, interrupted}, []string{"once", "gone"}, false, "", dumpAttempts},

		{"refused", [][][]byte{{message(-1, unix.NLMSG_ERROR, 0, 0, failure(unix.EPERM, make([]byte, headerBytes))...)}}, nil, false, "operation not permitted", 1},
		{"ends with an error", [][][]byte{{say(0, "four"), done(0, unix.EMSGSIZE)}}, nil, false, "message too long", 1},
		{"end without its error", [][][]byte{{message(-1, unix.NLMSG_DONE, 0, 0)}}, nil, false, errShort.Error(), 1},
		{"never ends", [][][]byte{{say(0, "four")}}, nil, false, "ask the kernel: resource temporarily unavailable", 1},
		{"other kind", [][][]byte{{message(-1, unix.RTM_NEWLINK, 0, 0, 'a')}}, nil, false, "the kernel answers with a message of type 16 instead of 24", 1},
		{"header cut", [][][]byte{{join(say(0, "four"), say(0, "")[:headerBytes-4])}}, nil, false, errShort.Error(), 1},
		{"length beyond the datagram", [][][]byte{{message(1000, kind, 0, 0, 'a')}}, nil, false, errShort.Error(), 1},
		{"length below the header's", [][][]byte{{message(4, kind, 0, 0, 'a')}}, nil, false, errShort.Error(), 1},
		{"datagram that may be cut", [][][]byte{{make([]byte, datagramBytes)}}, nil, false, errDatagram.Error(), 1},
		{"collector refuses", [][][]byte{{join(say(0, "four"), say(0, "stop"))}}, nil, false, errRefused.Error(), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, a := streamOf(t, c.dumps...)
			got := &words{refuse: "stop"}
			whole, err := s.dump(unix.RTM_GETROUTE, kind, make([]byte, rtmsgBytes), got)
			if whole != c.whole || got.begun != c.begun || len(a.dumps) != 0 {
				t.Errorf("whole %v, begun %d times, %d dumps left", whole, got.begun, len(a.dumps))
			}
			switch {
			case err == nil && c.err != "" || err != nil && err.Error() != c.err:
				t.Errorf("error %v, want %q", err, c.err)
			case err == nil && !slices.Equal(got.list, c.want):
				t.Errorf("%q, want %q", got.list, c.want)
			}
		})
	}
}

// A dump that is larger than the socket's buffer comes whole, and one after
// another on the same stream.
func TestStreamReadsAll(t *testing.T) {
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	k.addAddress("lo", vips(4000)...)
	if err := n.Do(func() error {
		s, err := openStream(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.conn.SetReadBuffer(1); err != nil { // the least that the kernel allows
			return err
		}
		for range 3 {
			var got words
			if whole, err := s.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, make([]byte, ifaddrmsgBytes), &got); err != nil || !whole || len(got.list) != 4002 {
				t.Errorf("%d addresses, whole %v, %v", len(got.list), whole, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
