package admit

const (
	accountWays = 4
	// accountSlots is how many prefixes a table of buckets holds: 65 s of all
	// that the node's default budget admits. A client's bucket is full again
	// after 5 s.
	accountSlots = 1 << 16
)

// account is the bucket of one prefix, named by its hash; four of them fill a
// cache line.
type account struct {
	hash   uint64
	bucket bucket
}

// has tells whether the bucket of a hash has a token for the level. It is a full
// one where the account is another's.
func (a *account) has(now int64, hash uint64, r Rate, l level) bool {
	if a.hash != hash {
		full := bucket(0)
		return full.has(now, r, l)
	}
	return a.bucket.has(now, r, l)
}

// charge takes a token from the bucket of a hash, whose account this is from
// now on.
func (a *account) charge(now int64, hash uint64, r Rate) {
	if a.hash != hash {
		*a = account{hash: hash}
	}
	a.bucket.charge(now, r)
}

// accounts is a table of fixed size. A full set gives up the bucket that is
// full the soonest, so nobody gets rid of a debt by crowding: others that owe
// less go first. Only admitted messages enter.
type accounts struct {
	table[[accountWays]account]
}

func newAccounts() accounts {
	return accounts{newTable[[accountWays]account](accountSlots / accountWays)}
}

// touch loads the cache line that find will need.
func (t *accounts) touch(hash uint64) uint64 { return t.set(hash)[0].hash }

// convert changes the rate of all buckets.
func (t *accounts) convert(now int64, from, to Rate) {
	if from == to {
		return
	}
	for i := range t.table {
		for j := range t.table[i] {
			t.table[i][j].bucket.convert(now, from, to)
		}
	}
}

// find returns the account of a hash, or the one to give up for it.
func (t *accounts) find(hash uint64) *account {
	set := t.set(hash)
	least := &set[0]
	for i := range set {
		a := &set[i]
		if a.hash == hash {
			return a
		}
		if a.bucket < least.bucket {
			least = a
		}
	}
	return least
}
