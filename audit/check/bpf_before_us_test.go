package check

import (
	"testing"

	"ptbrelay/audit/host"
)

func TestBPFBeforeUs(t *testing.T) {
	const (
		why  = "PTBs that it drops or redirects never reach nftables, nor ptbrelay: see that it lets ICMP type 3 and ICMPv6 type 2 pass."
		none = "no XDP program and no tc filter at ingress on 2 interfaces that are up"
	)
	f := facts()
	expect(t, "bpf-before-us", f, Finding{Severity: OK, Read: none})

	f.Links.Value = append(f.Links.Value, host.Link{Index: 3, Name: "eth1", Ethernet: true})
	f.Programs.Value = []host.Program{{Interface: 3, Kind: "xdp", Name: "lb", ID: 1}}
	expect(t, "bpf-before-us", f, Finding{Severity: OK, Read: none}) // that interface is down

	f.Programs.Value = append(f.Programs.Value,
		host.Program{Interface: eth0, Kind: "xdp", Name: "lb", ID: 12},
		host.Program{Interface: eth0, Kind: "tcx ingress", ID: 13},
		host.Program{Interface: loopback, Kind: "tc ingress", Name: "flower"})
	want := []Finding{
		{Severity: Info, Subject: "eth0", Read: "xdp lb, program 12", Why: why},
		{Severity: Info, Subject: "eth0", Read: "tcx ingress, program 13", Why: why},
		{Severity: Info, Subject: "lo", Read: "tc ingress flower", Why: why},
	}
	expect(t, "bpf-before-us", f, want...)

	f.Programs.Err = errRead // of one kind: what was found of the others stands
	expect(t, "bpf-before-us", f, append(want, Finding{Severity: Unknown, Read: errRead.Error(),
		Why: "Whether further programs see PTBs before nftables does is not known."})...)
}

func TestBPFBeforeUsUnknown(t *testing.T) {
	f := facts()
	f.Programs.Err = errRead
	expectUnknown(t, "bpf-before-us", f, errRead.Error())
	f = facts()
	f.Links = Fact[[]host.Link]{Err: errRead}
	expectUnknown(t, "bpf-before-us", f, errRead.Error())
}
