//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrClosed is returned for work on a node that has been closed.
var ErrClosed = errors.New("node is closed")

// Node is one host of the lab: an unnamed network namespace and a mount
// namespace with an empty /run of its own. It is held by two file descriptors
// and by one thread, its keeper, from which processes are started; when those
// go, the kernel removes it with all it holds. Methods may be called from any
// goroutine.
type Node struct {
	name   string
	cwd    string
	netfd  int
	mntfd  int
	raw    int // AF_PACKET socket that only sends
	handle *netlink.Handle

	jobs chan func()   // to the keeper
	quit chan struct{} // tells the keeper to end
	gone chan struct{} // closed when the keeper has ended

	mu     sync.RWMutex // guards what follows, and the descriptors against Close
	closed bool
	procs  []*Process
	taps   []*Tap
}

// NewNode makes a host with nothing but a loopback interface that is up. The
// name is for messages only. The process must be inside [Enter].
func NewNode(name string) (*Node, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("node %s: find the working directory: %w", name, err)
	}
	n := &Node{
		name: name, cwd: cwd, netfd: -1, mntfd: -1, raw: -1,
		jobs: make(chan func()), quit: make(chan struct{}), gone: make(chan struct{}),
	}
	ready := make(chan error)
	onFreshThread(func() { n.keep(ready) })
	if err := <-ready; err != nil {
		<-n.gone
		n.closeHandles()
		return nil, fmt.Errorf("node %s: %w", name, err)
	}
	return n, nil
}

// Name is the name given to [NewNode].
func (n *Node) Name() string { return n.name }

// Handle talks rtnetlink in the node's network namespace. It belongs to the
// node: do not close it.
func (n *Node) Handle() *netlink.Handle { return n.handle }

// keep is the life of the keeper thread: it makes the namespaces, then does
// what must be done by a thread that lasts.
func (n *Node) keep(ready chan<- error) {
	defer close(n.gone)
	err := n.setup()
	ready <- err
	if err != nil {
		return
	}
	for {
		select {
		case job := <-n.jobs:
			job()
		case <-n.quit:
			return
		}
	}
}

// setup moves the calling thread into fresh namespaces and opens the handles
// by which others reach them.
func (n *Node) setup() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make namespaces: %w; call Enter first", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=16m"); err != nil {
		return fmt.Errorf("mount an empty /run: %w; the directory /run must exist", err)
	}
	var err error
	if n.netfd, err = openNamespace("net"); err != nil {
		return err
	}
	if n.mntfd, err = openNamespace("mnt"); err != nil {
		return err
	}
	if n.raw, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	if n.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open rtnetlink: %w", err)
	}
	lo, err := n.handle.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := n.handle.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

func openNamespace(kind string) (int, error) {
	path := "/proc/thread-self/ns/" + kind
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	return fd, nil
}

// Do runs f on a fresh thread inside the node's network and mount namespaces
// and returns its error. Sockets that f opens stay in the node for good, so
// they may be used anywhere afterwards; goroutines that f starts are outside.
// Any number of Do may run at once.
func (n *Node) Do(f func() error) error {
	err := fmt.Errorf("node %s: the function ended its goroutine instead of returning", n.name)
	done := make(chan struct{})
	onFreshThread(func() {
		defer close(done)
		if e := n.enter(); e != nil {
			err = fmt.Errorf("node %s: %w", n.name, e)
			return
		}
		err = f()
	})
	<-done
	return err
}

// enter moves the calling thread into the node. A thread can change its mount
// namespace only once it shares no root and working directory with others
// (setns(2)).
func (n *Node) enter() error {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.closed {
		return ErrClosed
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("detach the thread's working directory: %w", err)
	}
	if err := unix.Setns(n.netfd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network namespace: %w", err)
	}
	if err := unix.Setns(n.mntfd, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter the mount namespace: %w", err)
	}
	if err := unix.Chdir(n.cwd); err != nil {
		return fmt.Errorf("go to %s: %w", n.cwd, err)
	}
	return nil
}

// onKeeper runs f on the node's lasting thread.
func (n *Node) onKeeper(f func() error) error {
	result := make(chan error, 1)
	select {
	case n.jobs <- func() { result <- f() }:
		return <-result
	case <-n.gone:
		return fmt.Errorf("node %s: %w", n.name, ErrClosed)
	}
}

// Close kills the node's processes, closes its taps and lets go of its
// namespaces. Sockets opened by Do keep them alive until they are closed too.
// A second Close does nothing.
func (n *Node) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	procs, taps := n.procs, n.taps
	n.mu.Unlock()

	var errs []error
	for _, p := range procs {
		p.killAndWait()
	}
	for _, t := range taps {
		errs = append(errs, t.Close())
	}
	close(n.quit)
	<-n.gone
	n.closeHandles()
	return errors.Join(errs...)
}

func (n *Node) closeHandles() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, fd := range []*int{&n.netfd, &n.mntfd, &n.raw} {
		if *fd >= 0 {
			_ = unix.Close(*fd)
			*fd = -1
		}
	}
	if n.handle != nil {
		n.handle.Close()
	}
}
