package config

import (
	"time"

	"ptbrelay/classify"
)

// Default returns what an absent or empty file means. Every call returns a
// value of its own.
func Default() Config {
	return Config{
		Policy: Policy{
			Protocols: []classify.Protocol{classify.TCP, classify.UDP},
			MTU:       MTU{Min4: 576, Min6: 1280},
		},
		Relay: Relay{
			Transport: TransportBroadcast,
			Limits: Limits{
				Node: 1000, NodeBurst: 2000,
				Router: 250, RouterBurst: 500,
				Client: 50, ClientBurst: 250,
				Peer: 1000, PeerBurst: 2000,
				Deliver: 5000, DeliverBurst: 10000,
			},
		},
		UDP:     UDP{Port: 7690, Tolerance: 30 * time.Second, Deliver: DeliverLocal},
		Peers:   Peers{DNS: DNS{Refresh: 30 * time.Second}},
		Capture: Capture{Group: 33, Buffer: 8 * MiB},
		Rules:   Rules{Manage: true, NodeGuard: 100000},
		Audit:   Audit{RoutesEvery: 60 * time.Second},
		HTTP:    HTTP{Listen: "localhost:7690"},
		Control: "/run/ptbrelay/control.sock",
		Log:     Log{Level: LevelInfo, Format: FormatText},
	}
}
