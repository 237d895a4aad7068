package check

import (
	"runtime"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

// Read reads all that the checks look at, of the network namespace that the
// calling thread is in. It changes nothing. What needs a privilege that is not
// there has an error in its place.
//
// Sysctl reads when it is called, in the namespace of the thread that calls it.
func Read(e Expect) Facts {
	runtime.LockOSThread() // one thread's namespace
	defer runtime.UnlockOSThread()
	state, err := host.Read()
	links := Fact[[]host.Link]{state.Links, err}
	return Facts{
		Expect:     e,
		Links:      links,
		Routes:     factOf(host.ReadRoutes),
		Rules:      factOf(host.ReadRules),
		Exceptions: factOf(host.ReadExceptions),
		Listeners:  factOf(host.ReadListeners),
		Programs:   programsOf(links),
		LogGroups:  factOf(host.ReadLogGroups),
		Clock:      factOf(host.ReadClock),
		Counters:   factOf(host.ReadCounters),
		Firewall:   factOf(firewall.Read),
		Sysctl:     host.ReadSysctl,
	}
}

func factOf[T any](from func() (T, error)) Fact[T] {
	value, err := from()
	return Fact[T]{value, err}
}

// programsOf reads what is on these links. Its error may be about one kind only,
// beside the programs of the others.
func programsOf(links Fact[[]host.Link]) Fact[[]host.Program] {
	if links.Err != nil {
		return Fact[[]host.Program]{Err: links.Err}
	}
	return factOf(func() ([]host.Program, error) { return host.ReadPrograms(links.Value) })
}
