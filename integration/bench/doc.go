// Package bench measures ptbrelay in the lab: each message carries a number and
// the time at which it was made, and what became of it is read at another
// server, from the copies that a tap there saw and the kernel's time of their
// receipt. No clock, log or metric of ptbrelay takes part.
//
// README.md says how to run it and how to read it. It is not responsible for
// what admission does to hostile traffic over time: that is simulated
// (admission.md) and tested in the lab (package integration).
package bench
