package integration

import (
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Reloads under a flood lose nothing: every PTB sent is accounted for.
func TestReloadUnderFlood(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	texts := []string{
		"vips: [192.0.2.0/24, 2001:db8:ffff::/64]\n",
		"relay: {dry_run: true, limits: {node: 10}}\nvips: [2001:db8:ffff::1]\n",
		"policy: {ports: [443, 80]}\nrules: {node_guard: 50000}\n",
	}
	path := writeConfig(t, texts[0])
	p := labtest.StartRelay(t, server, "--config", path)
	rain := startFlood(t, l, 0)
	for i := range 30 {
		writeFile(t, path, texts[i%len(texts)])
		reread(t, p)
	}
	accountedFor(t, l, rain.pour(0))
	checkLaws(t, server)
}
