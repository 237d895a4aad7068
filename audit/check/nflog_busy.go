package check

import (
	"fmt"
	"slices"
	"strings"

	"ptbrelay/audit/host"
)

// ourName is what the names of ptbrelay's processes begin with, also where versions
// are kept apart by name.
const ourName = "ptbrelay"

// nflogBusy looks for other processes on the NFLOG groups that ptbrelay captures by:
// the kernel gives a group to one socket (nfulnl_recv_config in
// net/netfilter/nfnetlink_log.c).
func nflogBusy(f *Facts) []Finding {
	if f.LogGroups.Err != nil {
		return []Finding{unknown(f.LogGroups.Err, "Whether another process owns the NFLOG group is not known.")}
	}
	var found []Finding
	var read []string
	for _, group := range f.Expect.Groups {
		i := slices.IndexFunc(f.LogGroups.Value, func(g host.LogGroup) bool { return g.Group == group })
		if i < 0 {
			read = append(read, fmt.Sprintf("NFLOG group %d is free", group))
			continue
		}
		owner := f.LogGroups.Value[i]
		switch {
		case owner.PID == 0:
			found = append(found, ownedByUnknown(owner))
		case !owner.Self && !strings.HasPrefix(owner.Name, ourName):
			found = append(found, ownedByOther(owner))
		default:
			read = append(read, fmt.Sprintf("NFLOG group %d is ptbrelay's own (process %d)", group, owner.PID))
		}
	}
	return orOK(found, strings.Join(read, ", "))
}

func ownedByUnknown(g host.LogGroup) Finding {
	return Finding{
		Severity: Unknown,
		Subject:  fmt.Sprintf("NFLOG group %d", g.Group),
		Read:     fmt.Sprintf("owned by netlink port %d, whose process could not be found", g.PortID),
		Why:      "Whether that is ptbrelay is not known; if it is not, ptbrelay cannot capture. Only root sees processes of others, and only those of the same container.",
		Mend:     "sudo ptbrelay doctor",
	}
}

func ownedByOther(g host.LogGroup) Finding {
	return Finding{
		Severity: Error,
		Subject:  fmt.Sprintf("NFLOG group %d", g.Group),
		Read:     fmt.Sprintf("owned by %s (process %d)", g.Name, g.PID),
		Why: fmt.Sprintf("The kernel gives a group to one process only, so ptbrelay cannot capture by this one: "+
			"set capture.group to one that is free, or have %s use another.", g.Name),
	}
}
