package check

import (
	"fmt"
	"testing"

	"ptbrelay/audit/host"
)

func TestCounters(t *testing.T) {
	f := facts()
	f.Counters = read(host.Counters{PTBIn: 1, PTBIn6: 2, OutOfWindow: 3, ProbeSuccess: 4, ProbeFail: 5,
		FragFails: 6, FragFails6: 7, Opened: 8, Retransmitted: 9})
	expect(t, "counters", f, Finding{Severity: OK, Read: "IcmpInDestUnreachs 1 (PTBs and others), Icmp6InPktTooBigs 2, TcpExtOutOfWindowIcmps 3, " +
		"TcpExtTCPMTUPSuccess 4, TcpExtTCPMTUPFail 5, IpFragFails 6, Ip6FragFails 7, TCP connections opened 8, TcpRetransSegs 9"})
}

// TestCountersOutOfWindow: few say nothing, and more than half of all do.
func TestCountersOutOfWindow(t *testing.T) {
	tests := []struct {
		in4, in6, outOfWindow uint64
		want                  Severity
	}{
		{0, 0, 99, OK},
		{50, 50, 99, OK},
		{0, 0, 100, Info},
		{100, 99, 100, Info},
		{100, 100, 100, OK},
		{0, 1000, 501, Info},
		{1000, 0, 500, OK},
		{1 << 63, 1 << 62, 1 << 20, OK},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.in4, tt.in6, tt.outOfWindow), func(t *testing.T) {
			f := facts()
			f.Counters = read(host.Counters{PTBIn: tt.in4, PTBIn6: tt.in6, OutOfWindow: tt.outOfWindow})
			want := Finding{Severity: tt.want, Read: fmt.Sprintf("IcmpInDestUnreachs %d (PTBs and others), Icmp6InPktTooBigs %d, TcpExtOutOfWindowIcmps %d, "+
				"TcpExtTCPMTUPSuccess 0, TcpExtTCPMTUPFail 0, IpFragFails 0, Ip6FragFails 0, TCP connections opened 0, TcpRetransSegs 0", tt.in4, tt.in6, tt.outOfWindow)}
			if tt.want == Info {
				want.Why = "More than half of the ICMP errors here quote nothing that their TCP connection has under way: " +
					"somebody forges them, or they come very late. The kernel ignores them."
			}
			expect(t, "counters", f, want)
		})
	}
}

func TestCountersUnknown(t *testing.T) {
	f := facts()
	f.Counters = Fact[host.Counters]{Err: errRead}
	expectUnknown(t, "counters", f, errRead.Error())
}
