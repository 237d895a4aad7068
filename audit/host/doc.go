// Package host shows this host as its kernel does, read-only: links, the
// addresses that the FIB calls local, and word of their changes.
//
// It is the one place that decodes rtnetlink. It changes nothing, judges
// nothing (that is audit's business) and knows nothing of PTBs.
package host
