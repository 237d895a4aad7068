package host

import (
	"fmt"
	"runtime"
	"time"

	"github.com/prometheus/procfs"
)

// ReadCounters reads what the kernel has counted in the network namespace that
// the calling thread is in. What this kernel does not count, as all of IPv6 where
// that is off, is 0.
func ReadCounters() (Counters, error) {
	runtime.LockOSThread() // one thread's namespace, in three files
	defer runtime.UnlockOSThread()
	p, err := thread()
	if err != nil {
		return Counters{}, err
	}
	c, err := readCounters(p)
	if err != nil {
		return Counters{}, fmt.Errorf("read counters: %w", err)
	}
	return c, nil
}

func readCounters(p procfs.Proc) (Counters, error) {
	at := time.Now()
	snmp, err := p.Snmp()
	if err != nil {
		return Counters{}, err
	}
	netstat, err := p.Netstat()
	if err != nil {
		return Counters{}, err
	}
	snmp6, err := p.Snmp6() // no error where IPv6 is off
	if err != nil {
		return Counters{}, err
	}
	c := counters(snmp, netstat, snmp6)
	c.At = at
	return c, nil
}

// counters picks those that concern path MTU.
func counters(snmp procfs.ProcSnmp, netstat procfs.ProcNetstat, snmp6 procfs.ProcSnmp6) Counters {
	return Counters{
		PTBIn:         count(snmp.InDestUnreachs),
		PTBIn6:        count(snmp6.InPktTooBigs),
		OutOfWindow:   count(netstat.OutOfWindowIcmps),
		ProbeSuccess:  count(netstat.TCPMTUPSuccess),
		ProbeFail:     count(netstat.TCPMTUPFail),
		FragFails:     count(snmp.FragFails),
		FragFails6:    count(snmp6.FragFails),
		Opened:        count(snmp.ActiveOpens) + count(snmp.PassiveOpens),
		Retransmitted: count(snmp.RetransSegs),
	}
}

// count is a counter of procfs, where the missing ones are nil.
func count(v *float64) uint64 {
	if v == nil {
		return 0
	}
	return uint64(max(0, *v))
}
