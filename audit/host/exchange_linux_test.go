package host

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// message is a netlink message; length -1 is the right one.
func message(length int, kind, flags uint16, sequence uint32, body ...byte) []byte {
	if length < 0 {
		length = headerBytes + len(body)
	}
	b := append(u32(uint32(length)), u16(kind)...)
	b = append(b, u16(flags)...)
	b = append(b, u32(sequence)...)
	b = append(b, u32(4321)...)
	return append(b, body...)
}

func u16(v uint16) []byte { return u32(uint32(v))[:2] }

// failure is struct nlmsgerr with the question that it is about and attributes.
func failure(errno unix.Errno, question []byte, attributes ...byte) []byte {
	b := append(u32(uint32(-int32(errno))), question...)
	return append(b, attributes...)
}

func TestBody(t *testing.T) {
	question := message(-1, unix.RTM_GETROUTE, unix.NLM_F_REQUEST, 1, make([]byte, rtmsgBytes)...)
	why := attribute(unix.NLMSGERR_ATTR_MSG, -1, []byte("not so\x00")...)
	for _, c := range []struct {
		name    string
		message []byte
		want    string
		err     string
	}{
		{"answer", message(-1, unix.RTM_NEWROUTE, 0, 1, 'a', 'b'), "ab", ""},
		{"answer and more", append(message(-1, unix.RTM_NEWROUTE, 0, 1, 'a', 'b'), 'c'), "ab", ""},
		{"answer of nothing", message(-1, unix.RTM_NEWROUTE, 0, 1), "", ""},
		{"refusal", message(-1, unix.NLMSG_ERROR, 0, 1, failure(unix.ENOENT, question)...), "", "no such file or directory"},
		{"refusal without the question", message(-1, unix.NLMSG_ERROR, unix.NLM_F_CAPPED, 1, failure(unix.ENOENT, question[:headerBytes])...),
			"", "no such file or directory"},
		{"explained", message(-1, unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 1, failure(unix.EINVAL, question, why...)...), "", "invalid argument (not so)"},
		{"explained without the question", message(-1, unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS|unix.NLM_F_CAPPED, 1,
			failure(unix.EINVAL, question[:headerBytes], why...)...), "", "invalid argument (not so)"},
		{"other attributes", message(-1, unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 1, failure(unix.EINVAL, question, attribute(2, -1, u32(8)...)...)...),
			"", "invalid argument"},

		{"empty", nil, "", errShort.Error()},
		{"header cut", message(-1, unix.RTM_NEWROUTE, 0, 1)[:headerBytes-1], "", errShort.Error()},
		{"length below the header's", message(15, unix.RTM_NEWROUTE, 0, 1, 'a'), "", errShort.Error()},
		{"length beyond the message", message(18, unix.RTM_NEWROUTE, 0, 1, 'a'), "", errShort.Error()},
		{"length beyond all", message(1<<32-1, unix.RTM_NEWROUTE, 0, 1, 'a'), "", errShort.Error()},
		{"other kind", message(-1, unix.RTM_NEWLINK, 0, 1, 'a'), "", "the kernel answers with a message of type 16 instead of 24"},
		{"refusal cut", message(-1, unix.NLMSG_ERROR, 0, 1, failure(unix.ENOENT, question[:headerBytes-1])...), "", errShort.Error()},
		{"acknowledgement", message(-1, unix.NLMSG_ERROR, 0, 1, failure(0, question)...), "", "the kernel acknowledges instead of answering"},
		{"error that is none", message(-1, unix.NLMSG_ERROR, 0, 1, append(u32(1<<31), question...)...), "", "the kernel acknowledges instead of answering"},
		{"explanation beyond the message", message(-1, unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 1, failure(unix.EINVAL, question[:headerBytes])...),
			"", errShort.Error()},
		{"explanation broken", message(-1, unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 1, failure(unix.EINVAL, question, 8, 0)...), "", errAttribute.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := body(c.message, unix.RTM_NEWROUTE)
			if err == nil && c.err != "" || err != nil && err.Error() != c.err || string(b) != c.want {
				t.Errorf("%q, %v, want %q, %q", b, err, c.want, c.err)
			}
		})
	}
}

// checkBody holds for any message, whatever was wanted.
func checkBody(t *testing.T, b []byte) {
	t.Helper()
	for _, want := range []uint16{unix.RTM_NEWROUTE, unix.SOCK_DIAG_BY_FAMILY} {
		if got, err := body(b, want); len(got) > max(0, len(b)-headerBytes) || err != nil && got != nil {
			t.Errorf("%d of %d bytes, %v", len(got), len(b), err)
		}
	}
	for _, flags := range []uint16{0, unix.NLM_F_ACK_TLVS, unix.NLM_F_ACK_TLVS | unix.NLM_F_CAPPED} {
		if decodeRefusal(b, flags) == nil {
			t.Error("a refusal is no error")
		}
	}
}

// An answer to an earlier question that came late is passed over; without any
// answer nothing waits.
func TestExchangeFindsItsAnswer(t *testing.T) {
	kernel, ours := socketPair(t)
	say := func(sequence uint32, word string) {
		t.Helper()
		if _, err := unix.Write(kernel, message(-1, unix.RTM_NEWROUTE, 0, sequence, []byte(word)...)); err != nil {
			t.Fatal(err)
		}
	}
	x := &exchange{question: message(-1, unix.RTM_GETROUTE, unix.NLM_F_REQUEST, 3), sequence: 3}
	say(1, "one")
	say(2, "two")
	say(3, "three")
	say(4, "four")
	x.send(uintptr(ours))
	if b, err := body(x.answer[:x.received], unix.RTM_NEWROUTE); x.err != nil || err != nil || string(b) != "three" {
		t.Errorf("%q, %v, %v, want the third answer", b, x.err, err)
	}
	x.send(uintptr(ours)) // passes over the fourth
	if !errors.Is(x.err, unix.EAGAIN) {
		t.Errorf("error %v without an answer", x.err)
	}
}

// socketPair is two ends that keep messages apart and never wait.
func socketPair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, fd := range fds {
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
		}
	})
	return fds[0], fds[1]
}

// The kernel's refusals are errors by their number, with its words where it has
// some, and the exchange goes on.
func TestExchangeIsRefused(t *testing.T) {
	q := openQuery(t, labtest.Node(t, "host"))
	x := q.exchange
	malformed := append(x.begin(), routeMessage(unix.AF_INET, 7, 0)...)
	_, err := x.ask(malformed, unix.RTM_GETROUTE, unix.RTM_NEWROUTE)
	var e explained
	if !errors.Is(err, unix.EINVAL) || !errors.As(err, &e) || e.why == "" {
		t.Errorf("malformed: %v, want EINVAL with an explanation", err)
	}
	if refused := routeError(err); errors.Is(refused, ErrNoRoute) {
		t.Errorf("malformed is taken for a blackhole: %v", refused)
	}
	_, err = x.ask(append(x.begin(), make([]byte, rtmsgBytes)...), 0xfff0, unix.RTM_NEWROUTE)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("unknown question: %v", err)
	}
	if r, err := q.Route(to("127.0.0.1")); err != nil || !r.Local {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
}

// What is closed says so.
func TestQueriesAfterClose(t *testing.T) {
	n := labtest.Node(t, "host")
	q, s := openQuery(t, n), openSockets(t, n)
	if err := errors.Join(q.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Route(to("127.0.0.1")); err == nil || errors.Is(err, ErrNoRoute) {
		t.Errorf("route: %v", err)
	}
	if _, ok, err := s.Find(unix.IPPROTO_TCP, loopback, loopback); err == nil || ok {
		t.Errorf("socket: %v, %v", ok, err)
	}
}
