// Package audit keeps what the captured messages say about path MTUs.
//
// It changes nothing and relays nothing, and it knows nothing of the relay: the
// relay tells it through an interface that the relay declares.
package audit
