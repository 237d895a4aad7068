package integration

import (
	"os/exec"
	"strings"
	"testing"
)

// In the order in which they are made; the times are of the commits.
var describedVersions = []struct{ described, epoch, want string }{
	{"0123abc", "1767323045", "0.0.0~git20260102030405.0123abc"},
	{"0123abc-dirty", "1767323045", "0.0.0~git20260102030405.0123abc+dirty"},
	{"00000ab", "1767323046", "0.0.0~git20260102030406.00000ab"},
	{"v0.1.0", "1767400000", "0.1.0"},
	{"v0.1.0-1-gffffff0", "1767400001", "0.1.0+1.gffffff0"},
	{"v0.1.0-10-g0123abc", "1767400002", "0.1.0+10.g0123abc"},
	{"v0.2.0-rc1", "1767400003", "0.2.0~rc1"},
	{"v0.2.0-rc1-3-g0123abc", "1767400004", "0.2.0~rc1+3.g0123abc"},
	{"v0.2.0-rc2", "1767400005", "0.2.0~rc2"},
	{"v0.2.0", "1767400006", "0.2.0"},
	{"v0.2.0-dirty", "1767400006", "0.2.0+dirty"},
	{"v0.10.0", "1767400007", "0.10.0"},
	{"0.10.1", "1767400008", "0.10.1"},
}

// What git describes becomes a version that dpkg and rpm take to be newer than all that
// were made before it.
func TestPackageVersions(t *testing.T) {
	t.Parallel()
	var before string
	for _, v := range describedVersions {
		got := printed(t, "packages/version.sh", v.described, v.epoch)
		if got != v.want {
			t.Errorf("%s becomes %s, want %s", v.described, got, v.want)
		}
		for _, kind := range []struct{ program, newer string }{
			{"dpkg", "dpkg --compare-versions %new gt %old && echo 1"},
			{"rpm", "rpm --eval '%{lua:print(rpm.vercmp(\"%new\", \"%old\"))}'"},
		} {
			if _, err := exec.LookPath(kind.program); err != nil || before == "" {
				continue
			}
			line := strings.NewReplacer("%new", got, "%old", before).Replace(kind.newer)
			if printed(t, "sh", "-c", line) != "1" {
				t.Errorf("%s: %s is not newer than %s", kind.program, got, before)
			}
		}
		before = got
	}
}

// What is no version is refused, for it would sort below all that are.
func TestPackageVersionRefused(t *testing.T) {
	for _, described := range []string{"release", "v1", ""} {
		if out, err := exec.CommandContext(t.Context(), "packages/version.sh", described, "1767323045").CombinedOutput(); err == nil {
			t.Errorf("%q becomes %s", described, out)
		}
	}
}
