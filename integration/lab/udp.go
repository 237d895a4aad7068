//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// datagramEvery is the pace at which an owner tries its path.
const datagramEvery = 20 * time.Millisecond

// Probes runs one flow of UDP for each flow of the load. The client greets the
// VIP; the server that gets the greeting opens a socket connected to that
// client and, from a common start on, sends it datagrams as large as its
// socket's path MTU says, unfragmented (IP_PMTUDISC_DO). A flow is finished
// when a datagram below the first size arrives: the owner has learned.
// The result's MTU is what the owner's socket believes at the end.
//
// Without a smaller link on the path no flow finishes. Errors as for
// [Lab.Downloads]; Load.Size is not used.
func (l *Lab) Probes(ctx context.Context, load Load) (Report, error) {
	load, err := l.loadDefaults(load)
	if err != nil {
		return Report{}, err
	}
	p := &probing{lab: l, load: load, byClient: make(map[netip.AddrPort]*probe)}
	defer p.close()
	if err := p.open(ctx); err != nil {
		return Report{}, fmt.Errorf("probes: %w", err)
	}
	greeted, cancel := context.WithTimeout(ctx, connectWithin)
	err = p.greet(greeted)
	cancel()
	if err != nil {
		return Report{}, fmt.Errorf("probes: %w", err)
	}
	start := time.Now()
	trial, cancel := context.WithDeadline(ctx, start.Add(load.Timeout))
	defer cancel()
	_ = each(len(p.probes), func(i int) error {
		p.probes[i].run(trial, start)
		return nil // what becomes of a flow is its result
	})
	if ctx.Err() != nil {
		return Report{}, fmt.Errorf("probes: %w", context.Cause(ctx))
	}
	var report Report
	for _, x := range p.probes {
		report.Results = append(report.Results, x.result)
	}
	return report, nil
}

// probing is one run of Probes.
type probing struct {
	lab       *Lab
	load      Load
	probes    []*probe
	byClient  map[netip.AddrPort]*probe
	listeners []net.PacketConn
	wg        sync.WaitGroup
}

// probe is one flow of it.
type probe struct {
	client net.Conn      // connected to the VIP
	owner  net.Conn      // connected to the client; valid once greeted
	ready  chan struct{} // closed when greeted
	once   sync.Once
	result Result
}

// open makes the clients' sockets and the servers' listening ones.
func (p *probing) open(ctx context.Context) error {
	for _, r := range p.lab.newResults(protocolUDP, p.load) {
		x := &probe{result: r, ready: make(chan struct{})}
		p.probes = append(p.probes, x)
		p.byClient[r.Flow.Client] = x
	}
	err := each(len(p.probes), func(i int) (err error) {
		f := p.probes[i].result.Flow
		p.probes[i].client, err = p.lab.Client.dialFrom(ctx, net.UDPAddrFromAddrPort(f.Client), f.Family().network("udp"), f.VIP.String())
		return err
	})
	if err != nil {
		return err
	}
	for _, at := range p.lab.service(p.load) {
		for i, server := range p.lab.Servers {
			c, err := server.ListenPacket(ctx, FamilyOf(at.Addr()).network("udp"), at.String())
			if err != nil {
				return err
			}
			p.listeners = append(p.listeners, c)
			p.wg.Go(func() { p.listen(ctx, c.(*net.UDPConn), i) })
		}
	}
	return nil
}

// listen turns each client's first datagram into a connected socket.
func (p *probing) listen(ctx context.Context, c *net.UDPConn, server int) {
	buffer := make([]byte, 64)
	for {
		_, from, err := c.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return // closed
		}
		x := p.byClient[from]
		if x == nil {
			continue
		}
		x.once.Do(func() {
			x.result.Owner = server
			x.owner, x.result.Err = p.lab.Servers[server].ConnectUDP(ctx, x.result.Flow)
			close(x.ready)
		})
	}
}

// ConnectUDP opens the socket of a flow's owner, from VIP to client, that never
// fragments.
func (n *Node) ConnectUDP(ctx context.Context, f Flow) (net.Conn, error) {
	var conn net.Conn
	err := n.Do(func() (err error) {
		d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(f.VIP), Control: func(network, address string, c syscall.RawConn) error {
			if err := bindAnywhere(network, address, c); err != nil {
				return err
			}
			return control(c, func(fd int) error {
				if f.Family() == IPv4 {
					return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
				}
				return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO)
			})
		}}
		conn, err = d.DialContext(ctx, f.Family().network("udp"), f.Client.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.name, err)
	}
	return conn, nil
}

// greet has every client greet until it has an owner, then closes the
// listening sockets: an unconnected one would let a server that is not the
// owner learn.
func (p *probing) greet(ctx context.Context) error {
	err := each(len(p.probes), func(i int) error {
		x := p.probes[i]
		for {
			if _, err := x.client.Write([]byte{0}); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
				return err
			}
			select {
			case <-x.ready:
				return x.result.Err
			case <-ctx.Done():
				return fmt.Errorf("%v found no server: %w", x.result.Flow, context.Cause(ctx))
			case <-time.After(10 * datagramEvery):
			}
		}
	})
	p.closeListeners()
	return err
}

func (p *probing) closeListeners() {
	for _, c := range p.listeners {
		_ = c.Close() // a second close, from close, is no matter
	}
	p.wg.Wait()
}

func (p *probing) close() {
	p.closeListeners()
	for _, x := range p.probes {
		for _, c := range []net.Conn{x.client, x.owner} {
			if c != nil {
				_ = c.Close()
			}
		}
	}
}

// run sends until the client has got a datagram below the first size, or ctx
// ends.
func (x *probe) run(ctx context.Context, start time.Time) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	first, err := x.socketMTU()
	if err != nil {
		x.result.Err = err
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = x.client.SetReadDeadline(time.Now()) })
	defer stop()
	var received sync.WaitGroup
	received.Go(func() {
		x.receive(first - x.overhead())
		x.result.Duration = time.Since(start)
		cancel(nil)
	})
	for ctx.Err() == nil {
		mtu, err := x.socketMTU()
		if err == nil {
			// EMSGSIZE is the news itself; the next turn sends less.
			_, _ = x.owner.Write(make([]byte, mtu-x.overhead()))
		}
		select {
		case <-ctx.Done():
		case <-time.After(datagramEvery):
		}
	}
	received.Wait()
	if x.result.MTU, err = x.socketMTU(); err != nil {
		x.result.Err = err
	} else if !x.result.Finished {
		x.result.Err = fmt.Errorf("no datagram below %d bytes arrived, the owner's path MTU is %d", first, x.result.MTU)
	}
}

// receive reads until a datagram smaller than full comes.
func (x *probe) receive(full int) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := x.client.Read(buffer)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED): // what a greeting met
			continue
		case err != nil:
			return
		}
		x.result.Bytes += n
		if n < full {
			x.result.Finished = true
			return
		}
	}
}

// overhead is the length of the headers before a datagram's payload.
func (x *probe) overhead() int {
	if x.result.Flow.Family() == IPv4 {
		return 20 + 8
	}
	return 40 + 8
}

// socketMTU asks the owner's socket for its path MTU.
func (x *probe) socketMTU() (mtu int, err error) {
	raw, err := x.owner.(*net.UDPConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	err = control(raw, func(fd int) error {
		if x.result.Flow.Family() == IPv4 {
			mtu, err = unix.GetsockoptInt(fd, unix.SOL_IP, unix.IP_MTU)
		} else {
			mtu, err = unix.GetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_MTU)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%v: read the socket's path MTU: %w", x.result.Flow, err)
	}
	return mtu, nil
}
