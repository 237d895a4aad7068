package integration

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// packageTool is what installs packages of a kind.
type packageTool struct {
	name     string
	program  string
	database string // shell that makes an empty one, in the root of a machine
	kept     string // where a removal leaves the configuration
	offered  string // where the package's goes, in the place of which there was one before

	// Its lines of the page.
	install, remove, purge string
	unasked                string // installs, and keeps a configuration that was there
}

var packageTools = []packageTool{
	{
		name: "deb", program: "apt",
		database: `mkdir -p var/lib/dpkg/info var/lib/dpkg/updates var/cache/apt/archives/partial var/log/apt etc/apt/apt.conf.d
: >var/lib/dpkg/status
echo 'APT::Get::Assume-Yes "true";' >etc/apt/apt.conf.d/yes
`,
		kept:    "/etc/ptbrelay/config.yaml",
		offered: "/etc/ptbrelay/config.yaml.dpkg-dist",
		install: "apt install ./dist/ptbrelay_*.deb",
		unasked: "apt install -o Dpkg::Options::=--force-confold ./dist/ptbrelay_*.deb",
		remove:  "apt remove ptbrelay",
		purge:   "apt purge ptbrelay",
	},
	{
		name: "rpm", program: "rpm",
		database: "mkdir -p var/lib/rpm\n",
		kept:     "/etc/ptbrelay/config.yaml.rpmsave",
		offered:  "/etc/ptbrelay/config.yaml.rpmnew",
		install:  "rpm -U dist/ptbrelay-*.rpm",
		unasked:  "rpm -U dist/ptbrelay-*.rpm",
		remove:   "rpm -e ptbrelay",
	},
}

// packaged is a machine on a server of a lab, where a tool has installed nothing yet. The
// packages of a version are in /root/VERSION/dist.
type packaged struct {
	*systemd
	t    testing.TB
	tool packageTool
	lab  *lab.Lab
}

// newPackaged boots one. More of prepare is done in its root before.
func newPackaged(t testing.TB, tool packageTool, prepare string, versions ...packages) packaged {
	t.Helper()
	requireProgram(t, tool.program)
	for _, line := range []string{tool.install, tool.remove, tool.purge, tool.unasked} {
		if !strings.Contains(fileText(t, installingPage), line) {
			t.Errorf("%s does not show %s", installingPage, line)
		}
	}
	var script strings.Builder
	script.WriteString(tool.database)
	for _, p := range versions {
		fmt.Fprintf(&script, "mkdir -p root/%[1]s/dist\ncp %[2]q root/%[1]s/dist\n", p.version, p.of(t, tool.name))
	}
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	return packaged{bootSystemd(t, l.Servers[0], script.String()+prepare), t, tool, l}
}

// sh does a line of shell, which must succeed.
func (p packaged) sh(line string) (text string) {
	p.t.Helper()
	return p.must("sh", "-c", line)
}

// in does a line of the tool in the folder of a version's packages.
func (p packaged) in(of packages, line string) (text string) {
	p.t.Helper()
	return p.sh("cd /root/" + of.version + " && " + line)
}

// path is a path of the machine, as it is seen from here.
func (p packaged) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.pid), "root", name)
}

// is fails the test unless systemctl says so of the unit.
func (p packaged) is(question, want string) {
	p.t.Helper()
	if got, _ := p.run("systemctl", question, "ptbrelay"); strings.TrimSpace(got) != want {
		p.t.Errorf("%s: %q, want %s", question, strings.TrimSpace(got), want)
	}
}

// shows is a property of the unit.
func (p packaged) shows(property string) string {
	p.t.Helper()
	return p.must("systemctl", "show", "--value", "--property", property, "ptbrelay")
}

// relays fails the test unless the daemon that began last copies its first PTBs.
func (p packaged) relays() {
	p.t.Helper()
	there := labtest.Tap(p.t, p.lab.Servers[1], "eth0")
	for _, ptb := range ptbs(40000) {
		labtest.FromRouter(p.t, p.lab, 0, ptb.Bytes())
		await(p.t, p.lab.Servers[0], outcomeMetric(ptb.Family.String(), "relayed"), 1)
	}
	if found := broadcasts(labtest.Fence(p.t, p.lab.Servers[0], "eth0", there)); len(found) != 2 {
		p.t.Errorf("%d copies on the wire, want one a family", len(found))
	}
}
