// Package host shows this host as its kernel does, read-only: links, the
// addresses that the FIB calls local, and word of their changes ([Watcher]);
// the route that a packet would take ([Query]) and the socket that would get it
// ([Sockets]). For the audit there is more, each by a function of its own that
// reads it once: routing tables with neighbours and addresses ([ReadRoutes]),
// learned path MTUs ([ReadExceptions]), routing policy ([ReadRules]), sockets
// that listen ([ReadListeners]), programs that see packets first
// ([ReadPrograms]), NFLOG groups ([ReadLogGroups]), the clock ([ReadClock]),
// counters ([ReadCounters]) and settings ([ReadSysctl]).
//
// It is the one place that decodes rtnetlink and sock_diag. It changes nothing,
// judges nothing (that is audit's business) and knows nothing of PTBs.
package host
