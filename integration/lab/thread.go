//go:build linux

package lab

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// onFreshThread runs f in a goroutine on an OS thread that nobody else uses
// and that ends with f, so f may change the thread's namespaces.
//
// The process's main thread never ends before the process and stands for it
// in /proc/self, so it must not change: where the scheduler offers it, it is
// held still while f runs on another one.
func onFreshThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f() // never unlocked: the runtime ends the thread with the goroutine
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread()
			f()
		}()
		<-done
		runtime.UnlockOSThread()
	}()
}
