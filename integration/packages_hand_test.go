package integration

import "testing"

// byHand is what an installation without a package looks like.
const byHand = `
mkdir -p etc/ptbrelay usr/local/bin
ln -sf /bin/false usr/local/bin/ptbrelay
printf '[Service]\nExecStart=/usr/local/bin/ptbrelay run\nDynamicUser=yes\n' >etc/systemd/system/ptbrelay.service
printf 'interfaces: [eth0]\n' >etc/ptbrelay/config.yaml
printf '%064d\n' 1 >etc/ptbrelay/key
chmod 600 etc/ptbrelay/key
`

// A package says what of an installation by hand is in its way, and touches nothing of it.
func testPackageByHand(t *testing.T, tool packageTool, of packages) {
	t.Parallel()
	p := newPackaged(t, tool, byHand, of)
	told := p.in(of, tool.unasked)
	p.told(told, "/etc/systemd/system/ptbrelay.service is used in the place of")
	p.told(told, "/usr/local/bin/ptbrelay comes before")
	p.holds(packagedConfig, "interfaces: [eth0]\n")
	p.holds(tool.offered, fileText(t, "packages/config.yaml"))
	for _, e := range examples(chapter(t, installingPage, "Upgrade")) {
		if e.line != packageTools[0].unasked {
			p.sh(e.line)
		}
	}
	if user := p.shows("User"); user != "ptbrelay" {
		t.Errorf("the daemon runs as %q", user)
	}
	p.relays()
}
