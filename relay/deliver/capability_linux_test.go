package deliver

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/relay/outcome"
)

// keepOnly leaves the calling thread, which nobody uses afterwards, with these
// capabilities.
func keepOnly(capabilities ...uint) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for _, c := range capabilities {
		data[0].Effective |= 1 << c
		data[0].Permitted |= 1 << c
	}
	return unix.Capset(&header, &data[0])
}

// CAP_NET_RAW is all that it takes to inject and to see that it did good.
func TestNeedsNoOtherCapability(t *testing.T) {
	for _, p := range placements {
		t.Run(p.String(), func(t *testing.T) {
			s := newSite(t, p)
			for _, f := range families {
				tcp, udp := s.connects(classify.TCP, f), s.connects(classify.UDP, f)
				must(t, s.server.Do(func() (err error) {
					if err := keepOnly(unix.CAP_NET_RAW); err != nil {
						return err
					}
					on := settings()
					on.Owned = true
					told := new(told)
					d, err := New(on, told)
					if err != nil {
						return err
					}
					defer func() { err = errors.Join(err, d.Close()) }()
					for _, o := range []*owner{tcp, udp} {
						d.Handle(peer, true, o.ptb())
						if told.delivery != outcome.Injected {
							t.Errorf("%v: %v", o.flow, told.delivery)
						}
						if err := awaitApplied(d); err != nil {
							t.Errorf("%v: %v", o.flow, err)
						}
					}
					return nil
				}))
				tcp.awaitMTU()
				udp.awaitMTU()
			}
		})
	}
}

// awaitApplied reads a sample, in the calling thread, until it has learned.
func awaitApplied(d *Deliver) error {
	select {
	case x := <-d.readings.first:
		for until := time.Now().Add(within); time.Now().Before(until); {
			if mtu, known := d.readings.read(x); known && mtu <= x.reach {
				return nil
			}
		}
		return errors.New("the path MTU was not seen to fall")
	default:
		return errors.New("not sampled")
	}
}

// Without it the error says what is missing.
func TestSaysWhatIsMissing(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	var made error
	must(t, s.server.Do(func() error {
		if err := keepOnly(unix.CAP_NET_ADMIN); err != nil {
			return err
		}
		_, made = New(settings(), new(told))
		return nil
	}))
	if !errors.Is(made, unix.EPERM) || !strings.Contains(made.Error(), "CAP_NET_RAW") {
		t.Errorf("without CAP_NET_RAW: %v", made)
	}
}
