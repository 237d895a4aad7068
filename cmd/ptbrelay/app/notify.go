package app

import (
	"fmt"
	"strings"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"ptbrelay/config"
)

// tell tells the service manager, where there is one, what has changed (sd_notify(3)).
func (d *daemon) tell(states ...string) {
	if _, err := sd.SdNotify(false, strings.Join(states, "\n")); err != nil {
		d.log.Warn("cannot tell the service manager how ptbrelay is", "err", err)
	}
}

func (d *daemon) tellReady() { d.tell(sd.SdNotifyReady, d.standing()) }

func (d *daemon) tellStanding() { d.tell(d.standing()) }

// tellStopping takes back what was said of the daemon, for nothing will say it anew.
func (d *daemon) tellStopping() { d.tell(sd.SdNotifyStopping, "STATUS=") }

// standing is how the daemon is, in a line for `systemctl status`.
func (d *daemon) standing() string {
	s, text := d.state(), "STATUS=capturing"
	switch {
	case s.Paused:
		text += ", paused"
	case s.DryRun:
		text += ", dry run"
	}
	if d.reloads.Refused() {
		text += ", configuration refused"
	}
	if config.Transport(s.Transport) == config.TransportUDP {
		up := 0
		for _, p := range s.Peers {
			if p.Up {
				up++
			}
		}
		text += fmt.Sprintf(", %d of %d peers up", up, len(s.Peers))
	}
	return text
}
