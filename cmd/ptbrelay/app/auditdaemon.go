package app

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"ptbrelay/audit"
)

// auditDaemon is the report of the daemon on this host.
func auditDaemon(c *cobra.Command, o *options) (*audit.Report, error) {
	daemon, err := o.daemonClient(c)
	if err != nil {
		return nil, err
	}
	s, err := daemon.Snapshot(c.Context())
	if err != nil {
		return nil, err
	}
	r := new(audit.Report)
	if err := json.Unmarshal(s.Audit, r); err != nil {
		return nil, fmt.Errorf("the daemon is ptbrelay %s, and this is %s, which does not read its audit: restart it: %w", s.Version, buildVersion(), err)
	}
	return r, nil
}
