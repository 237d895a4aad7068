// Package relay is the pipeline of one server: packets from a capture source,
// judged (classify), admitted (admit), handed to a transport, and counted at
// every step. Its Collector exports these counts and those of the rooms below.
//
//	capture → Decode → Classify → Verdict ─┬→ Observer
//	                                       └→ eligible → admit → Outcome
//	                                                       └→ Transport.Send → Outcome
//	                                                            └→ queued → Done → Outcome
//
// Every message with its end, verdict or outcome, is shown to a Watcher.
//
// Handle belongs to the capture goroutine and takes no lock and allocates
// nothing, as long as its Watcher does neither. What may change while it runs is
// in Settings, one immutable value behind an atomic pointer, loaded once a batch.
//
// The counts obey laws that an alert can watch. For each family, when nothing
// is in flight: received is the sum of all verdicts, and the verdict eligible is
// the sum of all outcomes; of what peers send (deliver), that of all deliveries.
// And over all families, the datagrams of type ptb that were opened are what was
// received from peers.
//
// It is not responsible for where packets come from, how copies travel, or for
// reading configuration: cmd wires that.
package relay
