package app

import (
	"context"
	"encoding/json"
	"fmt"

	"ptbrelay/audit"
)

// auditDaemon is the report of the daemon on this host.
func auditDaemon(ctx context.Context, o *options) (*audit.Report, error) {
	daemon, err := o.daemonClient()
	if err != nil {
		return nil, err
	}
	s, err := daemon.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	r := new(audit.Report)
	if err := json.Unmarshal(s.Audit, r); err != nil {
		return nil, fmt.Errorf("the daemon is ptbrelay %s, and this is %s, which does not read its audit: restart it: %w", s.Version, buildVersion(), err)
	}
	return r, nil
}
