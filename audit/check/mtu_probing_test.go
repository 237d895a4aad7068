package check

import (
	"io/fs"
	"testing"
)

func TestMTUProbing(t *testing.T) {
	const path = "net/ipv4/tcp_mtu_probing"
	f := facts()
	for _, mode := range []string{"1", "2"} {
		setSysctl(f, path, mode)
		expect(t, "mtu-probing", f, Finding{Severity: OK, Read: "net.ipv4.tcp_mtu_probing = " + mode})
	}
	setSysctl(f, path, "0")
	expect(t, "mtu-probing", f, Finding{
		Severity: Info,
		Read:     "net.ipv4.tcp_mtu_probing = 0",
		Why:      "Where no PTB comes at all a TCP connection hangs until it times out: the kernel's own second defence is off.",
		Mend:     "sysctl -w net.ipv4.tcp_mtu_probing=1",
	})
	setSysctl(f, path, "often")
	expectUnknown(t, "mtu-probing", f, path+` is "often", which is no number`)
	failSysctl(f, path, fs.ErrNotExist)
	expectUnknown(t, "mtu-probing", f, "net.ipv4.tcp_mtu_probing: file does not exist")
}
