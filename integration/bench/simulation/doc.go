// Package simulation answers who of the real is healed, and when, while
// somebody sends forged PTBs: it drives relay/admit, the code that runs in the
// daemon, and the limits of cloudflare/pmtud with the same traces.
//
// Time is simulated and every choice comes from a seed, so that a run gives
// the same result each time, to the bit. One server is simulated, the one that
// all real PTBs come in on, as they do behind one router where ECMP hashes the
// outer header; every real flow is owned by another server and needs a copy.
// A copy arrives at once and is never lost.
//
// The results, and how to read them, are in integration/bench/admission.md. The
// tests compare a part of it with what the simulation gives, the benchmark all:
//
//	go test -v -run TestReport ./integration/bench/simulation
//	go test -run '^$' -bench . ./integration/bench/simulation
//	go test -run TestReport ./integration/bench/simulation -update   # writes it
//
// The package is not responsible for what a machine can receive: capture,
// queues and cores are without limit here, which favours the schemes that have
// no guard. That copies heal is proved in the lab, from where only the times of
// retransmissions are checked here.
package simulation
