package integration

import (
	"testing"

	"github.com/google/nftables"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// `nft flush ruleset` passes the table by, and relaying goes on.
func TestFlushRuleset(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	labtest.StartRelay(t, server)
	err := server.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		conn.AddTable(&nftables.Table{Name: "operators", Family: nftables.TableFamilyINet})
		if err := conn.Flush(); err != nil {
			return err
		}
		conn.FlushRuleset()
		return conn.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
	if left := tables(t, server); len(left) != 1 || left[0] != "ptbrelay" {
		t.Fatalf("after a flush the tables are %v", left)
	}
	labtest.FromRouter(t, l, 0, classifytest.PTB{}.Bytes())
	await(t, server, outcomeMetric("ipv4", "relayed"), 1)
}
