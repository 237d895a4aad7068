package host

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Read asks the kernel for the state of the network namespace that the calling
// thread is in.
func Read() (State, error) {
	c, err := dial(unix.NETLINK_ROUTE, 0)
	if err != nil {
		return State{}, err
	}
	defer c.Close()
	return read(c)
}

func read(c conn) (State, error) {
	links, err := readLinks(c)
	if err != nil {
		return State{}, fmt.Errorf("read links: %w", err)
	}
	local, err := readLocal(c)
	if err != nil {
		return State{}, fmt.Errorf("read local routes: %w", err)
	}
	return State{Links: links, Local: local}, nil
}
