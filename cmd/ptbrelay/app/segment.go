package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

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

func openSegment(s situation, log *slog.Logger) (_ fabric, err error) {
	if err := checkInterfaces(s.cfg.Interfaces, s.host); err != nil {
		return nil, err
	}
	f := &segment{log: log, interfaces: len(s.cfg.Interfaces)}
	if f.Broadcast, err = transport.NewBroadcast(capture.MaxBatch, s.interfaces(), log); err != nil {
		return nil, err
	}
	if f.echo, err = transport.OpenEcho(s.interfaces()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *segment) run(ctx context.Context, _ transport.Done) error {
	if err := f.echo.Run(ctx); err != nil {
		f.log.Warn("selftest does not reach the segment until a restart", "err", err)
	}
	return nil
}

func (f *segment) ready(context.Context) {}

// follow follows links that come, go or change their MAC.
func (f *segment) follow(s situation) {
	f.SetInterfaces(s.interfaces())
	f.echo.SetInterfaces(s.interfaces())
}

func (f *segment) touched() {}

func (f *segment) prepare(config.Config) (func(), error) { return func() {}, nil }

func (f *segment) fanOut() int { return f.interfaces }

// echoTime is how long the others get to answer: nobody knows how many they are.
const echoTime = time.Second

func (f *segment) selftest(ctx context.Context, _ config.Config) ([]control.PeerTest, error) {
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

func (f *segment) count(s *relay.Sources) { s.Transport = f.Stats }

func (f *segment) show(*control.Snapshot) {}

func (f *segment) close() error { return errors.Join(f.echo.Close(), f.Close()) }
