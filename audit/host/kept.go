package host

// kept is a list of MaxKept entries at most. Those that matter are kept before
// the others, in whatever order they come.
type kept[T any] struct {
	first, others []T
	leftOut       int
}

// add reports whether the entry is held, until one that matters more comes.
func (k *kept[T]) add(entry T, matters bool) bool {
	list := &k.others
	if matters {
		list = &k.first
	}
	if len(*list) == MaxKept {
		k.leftOut++
		return false
	}
	*list = append(*list, entry)
	return true
}

// list returns the entries that are kept, those that matter first, and how many
// are not.
func (k *kept[T]) list() (entries []T, leftOut int) {
	entries = append(k.first, k.others...)
	n := min(len(entries), MaxKept)
	return entries[:n], k.leftOut + len(entries) - n
}
