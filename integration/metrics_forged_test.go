package integration

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"ptbrelay/integration/labtest"
)

// forgedDatagrams are datagrams of nobody in the group, each refused for another
// reason (package transport).
func forgedDatagrams() (all [][]byte) {
	const version1, ptb, passOn, noType = 1, 1, 4, 77
	const size = labtest.EnvelopeHeader + labtest.EnvelopeTag + 100
	envelope := func(version, kind byte, at time.Time) []byte {
		b := make([]byte, size)
		b[0], b[labtest.EnvelopeType] = version, kind
		binary.BigEndian.PutUint64(b[labtest.EnvelopeMillis:], uint64(at.UnixMilli()))
		return b
	}
	now := time.Now()
	return [][]byte{
		[]byte("short"),
		envelope(version1+1, ptb, now),
		envelope(version1, noType, now),
		envelope(version1, passOn, now),
		envelope(version1, ptb, now.Add(-time.Hour)),
		envelope(version1, ptb, now),
	}
}

// sendForged sends them to the server that is scraped.
func (s *script) sendForged() {
	s.t.Helper()
	frame := labtest.NewUDPFrame(s.t, s.Lab, scrapedServer, udpPort)
	for _, d := range forgedDatagrams() {
		raw := frame.Put(nil, netip.MustParseAddrPort("198.51.100.99:7690"), d)
		if err := s.Router.SendFrame(s.RouterInterface(scrapedServer), raw); err != nil {
			s.t.Fatal(err)
		}
	}
	s.eventually("forged datagrams are refused", func(m map[string]float64) error {
		refused := sum(m, "ptbrelay_datagrams_total") - sum(m, `ptbrelay_datagrams_total{result="opened"`)
		if want := len(forgedDatagrams()); refused != float64(want) {
			return fmt.Errorf("%v of %d", refused, want)
		}
		return nil
	})
}
