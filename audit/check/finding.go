package check

// Severity is how bad a finding is.
type Severity string

// The closed set of severities, the worst first.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
	// Unknown: what the check looks at could not be read.
	Unknown Severity = "unknown"
	OK      Severity = "ok"
)

// Severities are all of them, the worst first.
func Severities() []Severity { return []Severity{Error, Warning, Info, Unknown, OK} }

// Finding is what one check says of one thing. The JSON is stable.
type Finding struct {
	// ID is the check's.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Subject is what it is about: an interface, a route, an address; empty
	// where it is about the host.
	Subject string `json:"subject"`
	// Read is what was read, and where.
	Read string `json:"read"`
	// Why it matters; empty where all is well.
	Why string `json:"why"`
	// Mend is the exact command that mends it; empty where there is none.
	Mend string `json:"mend"`
}
