package integration

import (
	"strings"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// What is refused is told at debug, as soon as a running daemon is told to; without,
// no line names a client or a router.
func TestLogRefused(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	server := l.Servers[0]
	path := writeConfig(t, "log: {level: info}\n")
	p := labtest.StartRelay(t, server, "--config", path)
	refused := 0.0
	refuse := func() {
		t.Helper()
		refused++
		labtest.FromRouter(t, l, 0, classifytest.PTB{MTU: 300}.Bytes())
		await(t, server, verdictMetric("ipv4", classify.MTUTooSmall), refused)
	}
	refuse()
	labtest.FromRouter(t, l, 0, classifytest.PTB{}.Bytes())
	await(t, server, outcomeMetric("ipv4", "relayed"), 1)
	if log := p.Log(); strings.Contains(log, classifytest.Client4.String()) || strings.Contains(log, classifytest.Router4.String()) {
		t.Errorf("it names a client or a router:\n%s", log)
	}
	writeFile(t, path, "log: {level: debug}\n")
	const want = `level=DEBUG msg="not relayed" from=wire family=ipv4 verdict=mtu-too-small protocol=tcp ` +
		`vip=192.0.2.1 vip_port=443 client=203.0.113.9 client_port=50000 mtu=300 router=198.51.100.1`
	labtest.Eventually(t, 5*time.Second, "it tells what it refuses", func() error {
		refuse()
		if !strings.Contains(p.Log(), want) {
			return errNotYet
		}
		return nil
	})
}
