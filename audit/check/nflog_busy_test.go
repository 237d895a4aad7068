package check

import (
	"io/fs"
	"testing"

	"ptbrelay/audit/host"
)

func TestNFLOGBusy(t *testing.T) {
	tests := map[string]struct {
		groups []host.LogGroup
		want   Finding
	}{
		"nobody": {nil, Finding{Severity: OK, Read: "NFLOG group 33 is free, NFLOG group 34 is free"}},
		"another on another group": {
			[]host.LogGroup{{Group: 32, PortID: 900, PID: 812, Name: "ulogd"}},
			Finding{Severity: OK, Read: "NFLOG group 33 is free, NFLOG group 34 is free"}},
		"ptbrelay": {
			[]host.LogGroup{{Group: 33, PortID: 900, PID: 812, Name: "ptbrelay"}},
			Finding{Severity: OK, Read: "NFLOG group 33 is ptbrelay's own (process 812), NFLOG group 34 is free"}},
		"ptbrelay by another name": {
			[]host.LogGroup{{Group: 34, PortID: 900, PID: 812, Name: "canary", Self: true}},
			Finding{Severity: OK, Read: "NFLOG group 33 is free, NFLOG group 34 is ptbrelay's own (process 812)"}},
		"another": {
			[]host.LogGroup{{Group: 33, PortID: 899, PID: 811, Name: "ptbrelay"}, {Group: 34, PortID: 900, PID: 812, Name: "ulogd"}},
			Finding{Severity: Error, Subject: "NFLOG group 34", Read: "owned by ulogd (process 812)",
				Why: "The kernel gives a group to one process only, so ptbrelay cannot capture by this one: " +
					"set capture.group to one that is free, or have ulogd use another."}},
		"somebody": {
			[]host.LogGroup{{Group: 33, PortID: 900}},
			Finding{Severity: Unknown, Subject: "NFLOG group 33", Read: "owned by netlink port 900, whose process could not be found",
				Why: "Whether that is ptbrelay is not known; if it is not, ptbrelay cannot capture. " +
					"Only root sees processes of others, and only those of the same container.",
				Mend: "sudo ptbrelay doctor"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := facts()
			f.Expect.Groups = []uint16{33, 34}
			f.LogGroups = read(tt.groups)
			expect(t, "nflog-busy", f, tt.want)
		})
	}
}

func TestNFLOGBusyUnknown(t *testing.T) {
	f := facts()
	f.LogGroups = Fact[[]host.LogGroup]{Err: fs.ErrPermission}
	expect(t, "nflog-busy", f, Finding{Severity: Unknown, Read: "permission denied",
		Why: "Whether another process owns the NFLOG group is not known.", Mend: "sudo ptbrelay doctor"})
}
