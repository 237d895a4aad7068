package app

import sd "github.com/coreos/go-systemd/v22/daemon"

// What the service manager is told (sd_notify(3)).
const ready = sd.SdNotifyReady

// notify tells the service manager, where there is one, a state.
func notify(state string) error {
	_, err := sd.SdNotify(false, state)
	return err
}
