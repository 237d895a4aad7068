// Package report prints an audit as text. It renders plain values, reads nothing
// and judges nothing.
package report
