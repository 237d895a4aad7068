// Package integration holds the tests that prove effects: real packets through
// the real kernel, in network namespaces of our own.
//
// Its folders hold what they stand on (lab, labtest), the benchmarks (bench),
// and what fits ptbrelay into other systems. See lab for the network that all
// tests share.
package integration
