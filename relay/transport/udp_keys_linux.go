package transport

// rekey is what the opener has to learn of new keys, before the next batch.
type rekey struct {
	keys Keys
	own  []session // the last ones that we seal with
}

// ownCount is how many of its own sessions the opener knows.
const ownCount = len(ownSessions{}.sessions)

// SetKeys replaces the keys, which are not empty, and begins a new session. What
// is queued goes out as it was sealed. Any goroutine may call it.
func (u *UDP) SetKeys(keys Keys) {
	u.setting.Lock()
	defer u.setting.Unlock()
	s := newSealer(keys[0])
	next := rekey{keys: keys, own: []session{s.session}}
	if old := u.rekeyed.Load(); old != nil { // the opener has not learned of it yet
		next.own = append(old.own[max(0, len(old.own)-ownCount+1):], s.session)
	}
	// In this order: our own session is known before anything is sealed with it.
	u.rekeyed.Store(&next)
	u.sealer.Store(s)
}

// adoptKeys tells the opener of new keys. The receivers cannot wait for SetKeys,
// nor it for them: whoever calls it may hold what a handler waits for.
func (u *UDP) adoptKeys() {
	if u.rekeyed.Load() == nil {
		return
	}
	if next := u.rekeyed.Swap(nil); next != nil {
		u.intake.opener.setKeys(next.keys)
		for _, s := range next.own {
			u.intake.opener.addSelf(s)
		}
	}
}
