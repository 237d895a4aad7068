package simulation

// hash is FNV-1a with a seed, and a finaliser (of MurmurHash3) that carries
// every bit into every other. It stands in for hashes whose seed differs from
// run to run.
func hash(seed uint64, b []byte) uint64 {
	h := 0xcbf29ce484222325 ^ seed
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
