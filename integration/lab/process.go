//go:build linux

package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Command says how to run this very program on a node.
type Command struct {
	Args   []string  // without the program's name
	Env    []string  // NAME=value, added to this process's environment
	Output io.Writer // gets a copy of stdout and stderr as they come; may be nil
}

// Process is this very program, running on a node.
type Process struct {
	node   *Node
	args   []string
	cmd    *exec.Cmd
	log    *logBuffer
	exited chan struct{}
}

// Start runs this program (/proc/self/exe) with the command's arguments in the
// node's namespaces. When ctx ends it gets SIGTERM and, five seconds later,
// SIGKILL; when the node is closed or this process dies, SIGKILL.
func (n *Node) Start(ctx context.Context, c Command) (*Process, error) {
	p := &Process{node: n, args: c.Args, log: newLogBuffer(c.Output), exited: make(chan struct{})}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", c.Args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = terminationGrace
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd = cmd

	// The keeper starts it: a process inherits its parent thread's namespaces,
	// and Pdeathsig fires when that thread ends.
	if err := n.onKeeper(cmd.Start); err != nil {
		return nil, fmt.Errorf("node %s: start %q: %w", n.name, strings.Join(c.Args, " "), err)
	}
	go func() {
		_ = cmd.Wait() // the exit code is read from ProcessState
		close(p.exited)
	}()
	n.mu.Lock()
	closed := n.closed
	n.procs = append(n.procs, p)
	n.mu.Unlock()
	if closed {
		p.killAndWait()
		return nil, fmt.Errorf("node %s: start %q: %w", n.name, strings.Join(c.Args, " "), ErrClosed)
	}
	return p, nil
}

// Pid is the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends s; to a process that has ended, an error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("node %s: signal process %d: %w", p.node.name, p.Pid(), err)
	}
	return nil
}

// Kill sends SIGKILL.
func (p *Process) Kill() error { return p.Signal(syscall.SIGKILL) }

// Exited is closed when the process has ended and been reaped, and its output
// has been read to the end.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait returns the exit code, 128 + n for death by signal n, once the process
// has ended, or an error when ctx ends first.
func (p *Process) Wait(ctx context.Context) (code int, err error) {
	select {
	case <-p.exited:
		return exitCode(p.cmd.ProcessState), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("node %s: wait for process %d: %w", p.node.name, p.Pid(), context.Cause(ctx))
	}
}

// Stop sends SIGTERM and waits. A process that had ended already is no error.
func (p *Process) Stop(ctx context.Context) (code int, err error) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended; Wait tells
	return p.Wait(ctx)
}

// State tells the processor time and memory that the process took; nil while
// it runs.
func (p *Process) State() *os.ProcessState {
	select {
	case <-p.exited:
		return p.cmd.ProcessState
	default:
		return nil
	}
}

// Log is the last 256 KiB that the process wrote to stdout and stderr.
func (p *Process) Log() string { return p.log.String() }

func (p *Process) killAndWait() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}
