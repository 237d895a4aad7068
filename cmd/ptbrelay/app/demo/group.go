package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/relay/transport"
)

// keyFile is where the servers of a demo have their key: each has its own
// /run, which is gone with it.
const keyFile = "/run/ptbrelay.keys"

// patience is how long a daemon may take to be ready: peers that started late
// are found by a later probe.
const patience = 20 * time.Second

// group is this very program on every server of a lab.
type group struct {
	lab     *lab.Lab
	title   string   // in words
	args    []string // of each of them
	daemons []daemon
}

// newGroup is for the transport that the lab's shape is there for. An empty
// configuration file keeps this host's own out of it.
func newGroup(l *lab.Lab) *group {
	g := &group{lab: l, args: []string{"run", "--config", "/dev/null"}}
	if !g.routed() {
		g.title = "`ptbrelay run --interface eth0` on every server, default settings"
		g.args = append(g.args, "--interface", "eth0")
		return g
	}
	g.title = "`ptbrelay run --transport udp` on every server, with one new key and all servers as peers"
	g.args = append(g.args, "--transport", string(config.TransportUDP), "--key-file", keyFile)
	for i := range l.Servers {
		g.args = append(g.args, "--peer", l.ServerAddr(lab.IPv4, i).String())
	}
	return g
}

func (g *group) routed() bool { return g.lab.Options.Shape == lab.ShapeRouted }

// start returns when all daemons capture and, over udp, hear each other.
func (g *group) start(ctx context.Context) error {
	if g.routed() {
		if err := g.shareKey(); err != nil {
			return err
		}
	}
	for _, s := range g.lab.Servers {
		p, err := s.Start(ctx, lab.Command{Args: g.args})
		if err != nil {
			return err
		}
		g.daemons = append(g.daemons, daemon{server: s, process: p})
	}
	if err := g.await(ctx, "/readyz", "does not capture", ""); err != nil || !g.routed() {
		return err
	}
	heard := fmt.Sprintf("\nptbrelay_peers{source=\"static\",state=\"up\"} %d\n", len(g.daemons)-1)
	return g.await(ctx, "/metrics", "does not hear its peers", heard)
}

// shareKey gives every server the same new key.
func (g *group) shareKey() error {
	key := transport.GenerateKey() + "\n"
	for _, s := range g.lab.Servers {
		if err := s.WriteFile(keyFile, []byte(key), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (g *group) await(ctx context.Context, path, otherwise, text string) error {
	for _, d := range g.daemons {
		if err := d.await(ctx, path, otherwise, text); err != nil {
			return err
		}
	}
	return nil
}

// daemon is one of them.
type daemon struct {
	server  *lab.Node
	process *lab.Process
}

// await polls a page of the daemon until it is there and holds the text;
// otherwise says what is the matter when it never does.
func (d daemon) await(ctx context.Context, path, otherwise, text string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DialContext: d.server.Dial, DisableKeepAlives: true}}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		page, err := getPage(ctx, &client, "http://"+config.Default().HTTP.Listen+path)
		if err == nil && strings.Contains(page, text) {
			return nil
		}
		select {
		case <-tick.C:
		case <-d.process.Exited():
			return fmt.Errorf("ptbrelay on %s ended: %s", d.server.Name(), d.process.Log())
		case <-ctx.Done():
			return fmt.Errorf("ptbrelay on %s %s: %w", d.server.Name(), otherwise, errors.Join(ctx.Err(), err))
		}
	}
}

func getPage(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d", url, response.StatusCode)
	}
	return string(page), err
}
