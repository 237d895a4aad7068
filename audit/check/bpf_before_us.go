package check

import "fmt"

// bpfBeforeUs tells of programs that see packets before nftables does. What they do
// is not looked into.
func bpfBeforeUs(f *Facts) []Finding {
	if f.Links.Err != nil {
		return []Finding{unknown(f.Links.Err, "Which interfaces PTBs come in by, and so which programs see them, is not known.")}
	}
	up := make(map[int]string)
	for _, l := range f.Links.Value {
		if l.Up {
			up[l.Index] = l.Name
		}
	}
	var found []Finding
	for _, p := range f.Programs.Value {
		name, ok := up[p.Interface]
		if !ok {
			continue
		}
		found = append(found, Finding{
			Severity: Info,
			Subject:  name,
			Read:     programName(p.Kind, p.Name, p.ID),
			Why: "PTBs that it drops or redirects never reach nftables, nor ptbrelay: " +
				"see that it lets ICMP type 3 and ICMPv6 type 2 pass.",
		})
	}
	// Programs that were found stand beside the error about others.
	if err := f.Programs.Err; err != nil {
		found = append(found, unknown(err, "Whether further programs see PTBs before nftables does is not known."))
	}
	return orOK(found, fmt.Sprintf("no XDP program and no tc filter at ingress on %d interfaces that are up", len(up)))
}

// programName is "xdp lb, program 12".
func programName(kind, name string, id uint32) string {
	if name != "" {
		kind += " " + name
	}
	if id != 0 {
		kind += fmt.Sprintf(", program %d", id)
	}
	return kind
}
