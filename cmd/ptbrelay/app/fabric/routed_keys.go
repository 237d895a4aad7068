package fabric

import (
	"fmt"
	"slices"

	"ptbrelay/config"
	"ptbrelay/relay/transport"
)

// ReadKeys reads the keys that the configuration names. Errors begin with the key of the
// configuration that is wrong.
func ReadKeys(c config.Config) (transport.Keys, error) {
	if c.UDP.KeyFile == "" { // validation lets that pass with udp.insecure only
		return transport.InsecureKeys(), nil
	}
	keys, err := transport.LoadKeys(c.UDP.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("udp.key_file: %w", err)
	}
	return keys, nil
}

func (f *routed) Prepare(c config.Config) (func(), error) {
	keys, err := ReadKeys(c)
	if err != nil {
		return nil, err
	}
	return func() { f.rekey(keys) }, nil
}

// rekey begins a new session only where the keys are others: each costs every
// peer an attempt.
func (f *routed) rekey(keys transport.Keys) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(keys, f.keys) {
		return
	}
	f.keys = keys
	f.SetKeys(keys)
	f.logKeys()
}

// logKeys says what tells the steps of a rotation apart.
func (f *routed) logKeys() {
	f.log.Info("keys in force", "keys", len(f.keys), "seals", f.keys.SealID())
}
