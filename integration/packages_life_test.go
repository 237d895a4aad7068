package integration

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

const (
	packagedConfig = "/etc/ptbrelay/config.yaml"
	packagedKey    = "/etc/ptbrelay/key"
)

// operatorsConfig is what an operator writes in the place of the package's.
const operatorsConfig = "interfaces: [eth0]\nvips: [192.0.2.1, \"2001:db8:ffff::1\"]\n"

// A package is installed, started, upgraded, removed, purged and installed again.
func testPackageLife(t *testing.T, tool packageTool, before, after packages) {
	t.Parallel()
	p := newPackaged(t, tool, "", before, after)

	told := p.in(before, tool.install)
	p.told(told, "ptbrelay check-config && systemctl enable --now ptbrelay")
	p.installed(before)
	p.is("is-enabled", "disabled")
	p.is("is-active", "inactive")
	p.sh("ptbrelay check-config " + packagedConfig) // nothing in it is wrong

	writeFile(t, p.path(packagedConfig), operatorsConfig)
	p.sh("ptbrelay genkey | install -o ptbrelay -g ptbrelay -m 600 /dev/stdin " + packagedKey)
	key := fileText(t, p.path(packagedKey))
	p.sh("chmod 600 " + packagedConfig)
	if text, code := p.run("ptbrelay", "check-config"); code != 1 || !strings.Contains(text, "cannot read "+packagedConfig+"; chown ptbrelay: ") {
		t.Errorf("exit code %d of a configuration that only root reads: %s", code, text)
	}
	p.sh("chmod 644 " + packagedConfig)
	p.sh("ptbrelay check-config && systemctl enable --now ptbrelay")
	p.is("is-active", "active")
	p.relays()

	began := p.shows("MainPID")
	p.in(after, tool.install)
	p.installed(after)
	p.is("is-enabled", "enabled")
	p.is("is-active", "active")
	if p.shows("MainPID") == began {
		t.Error("the upgrade did not start the daemon again")
	}
	p.relays()
	p.holds(packagedConfig, operatorsConfig)

	p.in(after, tool.remove)
	p.is("is-active", "inactive")
	nothingLeft(t, p.lab.Servers[0])
	p.gone("/usr/bin/ptbrelay", "/usr/lib/systemd/system/ptbrelay.service", "/etc/systemd/system/multi-user.target.wants/ptbrelay.service")
	p.holds(tool.kept, operatorsConfig)
	if tool.purge != "" {
		p.told(p.in(after, tool.purge), "kept the user ptbrelay and, in /etc/ptbrelay: key")
		p.gone(packagedConfig)
	}
	p.holds(packagedKey, key)

	p.in(before, tool.install)
	p.in(after, tool.install)
	p.is("is-active", "inactive") // as it was before the upgrade
	p.withoutSystemd(before)
}

// withoutSystemd installs and removes the package where systemd does not answer, and where
// there is none, nor any of its programs.
func (p packaged) withoutSystemd(of packages) {
	p.t.Helper()
	p.in(of, p.tool.remove)
	deaf := fmt.Sprintf("unshare --mount sh -ec 'mount -t tmpfs run /run; mkdir -p /run/systemd/system; %s'", p.tool.install)
	if text := p.in(of, deaf); strings.Contains(text, "scriptlet failed") { // which is no failure of rpm's
		p.t.Error(text)
	}
	p.in(of, p.tool.remove)
	p.sh("userdel ptbrelay && rm /usr/bin/systemctl /usr/bin/systemd-sysusers")
	for _, line := range []string{p.tool.install, p.tool.remove} {
		p.in(of, fmt.Sprintf("unshare --mount sh -ec 'mount -t tmpfs run /run; %s'", line))
	}
	p.sh("id ptbrelay")
}

// installed fails the test unless what the package brings is there, as it should be.
func (p packaged) installed(of packages) {
	p.t.Helper()
	p.owned("/usr/bin/ptbrelay", 0o755)
	p.owned("/etc/ptbrelay", fs.ModeDir|0o755)
	p.owned(packagedConfig, 0o644)
	p.owned("/usr/lib/systemd/system/ptbrelay.service", 0o644)
	if text := p.sh("ptbrelay version"); !strings.Contains(text, of.version) {
		p.t.Errorf("ptbrelay version prints %q, want %s", text, of.version)
	}
	if entry := p.sh("getent passwd ptbrelay"); !strings.HasSuffix(entry, "nologin") {
		p.t.Errorf("the user is %s", entry)
	}
}

// owned fails the test unless a file is root's, with this mode.
func (p packaged) owned(name string, mode fs.FileMode) {
	p.t.Helper()
	info, err := os.Lstat(p.path(name))
	if err != nil {
		p.t.Error(err)
		return
	}
	s := info.Sys().(*syscall.Stat_t)
	if info.Mode() != mode || s.Uid != 0 || s.Gid != 0 {
		p.t.Errorf("%s is %v of %d:%d, want %v of 0:0", name, info.Mode(), s.Uid, s.Gid, mode)
	}
}

// told fails the test unless a tool passes on words of the package.
func (p packaged) told(text, want string) {
	p.t.Helper()
	if !strings.Contains(text, want) {
		p.t.Errorf("it does not say %q:\n%s", want, text)
	}
}

func (p packaged) holds(name, want string) {
	p.t.Helper()
	if got := fileText(p.t, p.path(name)); got != want {
		p.t.Errorf("%s holds\n%s\nwant\n%s", name, got, want)
	}
}

func (p packaged) gone(names ...string) {
	p.t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(p.path(name)); err == nil {
			p.t.Errorf("%s is still there", name)
		}
	}
}
