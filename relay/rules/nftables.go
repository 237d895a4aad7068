package rules

import (
	"fmt"
	"net/netip"
	"strings"
)

// nftablesHead says how to load and unload the table of a name.
const nftablesHead = `# The table of ptbrelay, for rules.manage: false. No rule drops, marks or accepts a packet.
#
# Load it, and again after a change of the configuration:
#   ptbrelay rules nft | nft -f -
# Take it out:
#   nft delete table inet %[1]s

# Make the table and empty it, so that loading this twice leaves one.
`

// NFTables is the table in the language of nft, ready for `nft -f`: loading it
// twice leaves one. It lists the same as the table that ptbrelay installs. Its
// comments say how to load it, and why each rule is there.
func NFTables(c Config) string {
	p := newPlan(c)
	var b strings.Builder
	fmt.Fprintf(&b, nftablesHead, c.name())
	fmt.Fprintf(&b, "table inet %[1]s\ndelete table inet %[1]s\n\n", c.name())
	fmt.Fprintf(&b, "table inet %s {\n", c.name())
	fmt.Fprintf(&b, "\tcounter %s {\n\t\tpackets 0 bytes 0\n\t}\n", guardName)
	for _, s := range p.sets {
		s.text(&b)
	}
	for _, c := range p.chains {
		c.text(&b)
	}
	b.WriteString("}\n")
	return b.String()
}

func (s set) text(b *strings.Builder) {
	kind := "ipv4_addr"
	if s.ipv6 {
		kind = "ipv6_addr"
	}
	elements := make([]string, len(s.prefixes))
	for i, p := range s.prefixes {
		elements[i] = element(p)
	}
	fmt.Fprintf(b, "\n\tset %s {\n\t\ttype %s\n\t\tflags interval\n", s.name, kind)
	fmt.Fprintf(b, "\t\telements = { %s }\n\t}\n", strings.Join(elements, ", "))
}

// element is a prefix as nft prints it: a single address without its length.
func element(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func (c chain) text(b *strings.Builder) {
	fmt.Fprintf(b, "\n\tchain %s {\n", c.name)
	if c.base {
		b.WriteString("\t\ttype filter hook prerouting priority raw; policy accept;\n")
	}
	comment(b, "\t\t", c.note)
	for _, r := range c.rules {
		comment(b, "\t\t", r.why)
		fmt.Fprintf(b, "\t\t%s\n", r.text)
	}
	b.WriteString("\t}\n")
}

// comment writes the lines of a text as comments, of which an empty one has none.
func comment(b *strings.Builder, indent, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(b, "%s# %s\n", indent, strings.TrimSuffix(line, "\n"))
	}
}
