package config

import "log/slog"

// Transport is how copies reach the peers.
type Transport string

// The transports.
const (
	TransportBroadcast Transport = "broadcast"
	TransportUDP       Transport = "udp"
)

// Deliver is which PTBs from a peer are injected.
type Deliver string

// DeliverLocal injects where the VIP is local, DeliverOwned only where this
// host also holds the socket.
const (
	DeliverLocal Deliver = "local"
	DeliverOwned Deliver = "owned"
)

// Level is the least severe log line that is written.
type Level string

// The log levels.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Slog returns the level as log/slog has it; an invalid one is info.
func (l Level) Slog() slog.Level {
	switch l {
	case LevelDebug:
		return slog.LevelDebug
	case LevelInfo:
		return slog.LevelInfo
	case LevelWarn:
		return slog.LevelWarn
	case LevelError:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// Format is the form of a log line.
type Format string

// The log formats.
const (
	FormatText Format = "text"
	FormatJSON Format = "json"
)
