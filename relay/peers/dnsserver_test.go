package peers

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ptbrelay/config"
)

const peersName = "peers.example.org."

// zone is what the server knows of peersName; it may be changed at any time.
type zone struct {
	four, six []netip.Addr
	// rcode4 and rcode6 answer a question for that family; 0 is success.
	rcode4, rcode6 int
	// alias answers by way of a CNAME.
	alias string
	// silent answers nothing.
	silent bool
}

// dnsServer is a real DNS server on loopback, over UDP and TCP.
type dnsServer struct {
	address string

	mu      sync.Mutex
	zone    zone
	asked   map[uint16]int // by type of question
	overTCP int
}

func newDNSServer(t *testing.T, z zone) *dnsServer {
	t.Helper()
	return dnsServerAt(t, "127.0.0.1:0", z)
}

func dnsServerAt(t *testing.T, address string, z zone) *dnsServer {
	t.Helper()
	packets, listener := listenBoth(t, address)
	s := &dnsServer{address: listener.Addr().String(), zone: z, asked: make(map[uint16]int)}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	for _, server := range []*dns.Server{
		{PacketConn: packets, Handler: s, Net: "udp"},
		{Listener: listener, Handler: s, Net: "tcp"},
	} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		serving.Go(func() {
			if err := server.ActivateAndServe(); err != nil {
				t.Errorf("DNS server: %v", err)
			}
		})
		<-started
		t.Cleanup(func() {
			if err := server.Shutdown(); err != nil {
				t.Errorf("DNS server: %v", err)
			}
		})
	}
	return s
}

// listenBoth opens one port for UDP and TCP.
func listenBoth(t *testing.T, address string) (net.PacketConn, net.Listener) {
	t.Helper()
	var err error
	for range 100 {
		packets, e := net.ListenPacket("udp", address)
		if e != nil {
			t.Fatal(e)
		}
		listener, e := net.Listen("tcp", packets.LocalAddr().String())
		if e == nil {
			return packets, listener
		}
		_ = packets.Close() // the port is another's with TCP; try the next
		err = e
	}
	t.Fatal(err)
	return nil, nil
}

// resolver asks this server, whatever the host's configuration says.
func (s *dnsServer) resolver(p *Peers) {
	p.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, s.address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = c.Close() }) // or a silent server leaves a goroutine for seconds
		}
		return c, err
	}}
}

func (s *dnsServer) change(f func(*zone)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.zone)
}

// questions returns how often each family was asked for, and how many over TCP.
func (s *dnsServer) questions() (four, six, overTCP int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[dns.TypeA], s.asked[dns.TypeAAAA], s.overTCP
}

func (s *dnsServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	z := s.zone
	s.asked[q.Question[0].Qtype]++
	_, isTCP := w.RemoteAddr().(*net.TCPAddr)
	if isTCP {
		s.overTCP++
	}
	s.mu.Unlock()
	if z.silent {
		return
	}
	m := z.answer(q)
	if !isTCP {
		m.Truncate(512)
	}
	_ = w.WriteMsg(m) // one who asked and left
}

func (z *zone) answer(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	m.Compress = true
	m.Authoritative = true
	name := q.Question[0].Name
	if name != peersName {
		m.Rcode = dns.RcodeNameError
		return m
	}
	header := func(rr uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: rr, Class: dns.ClassINET}
	}
	if z.alias != "" {
		m.Answer = append(m.Answer, &dns.CNAME{Hdr: header(dns.TypeCNAME), Target: z.alias})
		name = z.alias
	}
	switch q.Question[0].Qtype {
	case dns.TypeA:
		m.Rcode = z.rcode4
		for _, a := range z.four {
			m.Answer = append(m.Answer, &dns.A{Hdr: header(dns.TypeA), A: a.AsSlice()})
		}
	case dns.TypeAAAA:
		m.Rcode = z.rcode6
		for _, a := range z.six {
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: header(dns.TypeAAAA), AAAA: a.AsSlice()})
		}
	}
	return m
}

func hosts(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParseAddr(text)
	}
	return list
}

// dnsConfig asks anew all the time.
func dnsConfig() Config {
	return Config{DNS: DNS{Name: peersName, Refresh: 10 * time.Millisecond}, Port: 7690, Parse: config.ParsePeer}
}
