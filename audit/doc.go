// Package audit tells what captured messages and this host say about path MTUs.
//
// [Observations] counts what PTBs report and what clients offer in SYNs, and where
// both come from; [HostReport] sums up what was read of this host. Both fill a
// [Report], plain values that package report prints. [Collector] and
// [HostCollector] export the same to Prometheus.
//
// It changes nothing and relays nothing, and it knows nothing of the relay: the
// relay tells it through an interface that the relay declares. It does not read the
// host (audit/host, audit/firewall) nor judge it (audit/check).
package audit
