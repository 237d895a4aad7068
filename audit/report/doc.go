// Package report prints an audit as text, and the status of a daemon as a page. It
// renders plain values, reads nothing and judges nothing.
package report
