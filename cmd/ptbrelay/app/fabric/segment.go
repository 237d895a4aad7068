package fabric

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"ptbrelay/cmd/ptbrelay/app/settings"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/control"
	"ptbrelay/relay/transport"
)

// segment is the fabric of transport broadcast: Ethernet segments that the
// members share.
type segment struct {
	*transport.Broadcast
	echo       *transport.Echo
	log        *slog.Logger
	interfaces int
}

func openSegment(s settings.Situation, log *slog.Logger) (_ Fabric, err error) {
	f := &segment{log: log, interfaces: len(s.Config.Interfaces)}
	if f.Broadcast, err = transport.NewBroadcast(capture.MaxBatch, s.Interfaces(), log); err != nil {
		return nil, err
	}
	if f.echo, err = transport.OpenEcho(s.Interfaces()); err != nil {
		return nil, errors.Join(err, f.Broadcast.Close())
	}
	return f, nil
}

func (f *segment) Run(ctx context.Context, _ transport.Done) error {
	if err := f.echo.Run(ctx); err != nil {
		f.log.Warn("selftest does not reach the segment until a restart", "err", err)
	}
	return nil
}

func (f *segment) Ready(context.Context) {}

// Follow follows links that come, go or change their MAC.
func (f *segment) Follow(s settings.Situation) {
	f.SetInterfaces(s.Interfaces())
	f.echo.SetInterfaces(s.Interfaces())
}

func (f *segment) Touched() {}

func (f *segment) Prepare(config.Config) (func(), error) { return func() {}, nil }

func (f *segment) FanOut() int { return f.interfaces }

// echoTime is how long the others get to answer: nobody knows how many they are.
const echoTime = time.Second

func (f *segment) Selftest(ctx context.Context, _ config.Config) ([]control.PeerTest, error) {
	ctx, cancel := context.WithTimeout(ctx, echoTime)
	defer cancel()
	heard, err := f.echo.Ask(ctx)
	var tests []control.PeerTest
	for _, h := range heard {
		tests = append(tests, control.PeerTest{
			Peer:             net.HardwareAddr(h.MAC[:]).String() + " on " + h.Interface,
			Heard:            true,
			RoundTripSeconds: h.RoundTrip.Seconds(),
			ClockSeconds:     h.Clock.Seconds(),
		})
	}
	return tests, err
}

func (f *segment) Count(s *relay.Sources) { s.Transport = f.Stats }

func (f *segment) Show(*control.Snapshot) {}

func (f *segment) Close() error { return errors.Join(f.echo.Close(), f.Broadcast.Close()) }
