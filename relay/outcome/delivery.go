package outcome

// Delivery is what became of one eligible message that came from a peer. Every
// such message ends in exactly one.
type Delivery uint8

// The deliveries. Admission decides DuplicateDelivery, LimitedPeer and
// LimitedDelivery, the settings in force DryRunDelivery and PausedDelivery, the
// receiving side the rest.
const (
	// Injected: the kernel took the packet.
	Injected Delivery = iota
	// DryRunDelivery: admitted, and not injected because dry_run is on.
	DryRunDelivery
	// PausedDelivery: admitted, and not injected because the daemon is paused.
	PausedDelivery
	// DuplicateDelivery: the same flow and MTU was admitted within its window.
	DuplicateDelivery
	// LimitedPeer: the bucket of the peer had no token left for a flow of its
	// level (package admit).
	LimitedPeer
	// LimitedDelivery: the same of this server's bucket for deliveries.
	LimitedDelivery
	// NotLocal: the kernel's FIB does not call the VIP local.
	NotLocal
	// NotOwned: this host has no socket of the flow, and only owned ones are
	// asked for.
	NotOwned
	// InjectFailed: the kernel did not take the packet.
	InjectFailed

	// NumDeliveries is for arrays indexed by Delivery.
	NumDeliveries
)

var deliveryNames = [NumDeliveries]string{
	Injected:          "injected",
	DryRunDelivery:    "dry-run",
	PausedDelivery:    "paused",
	DuplicateDelivery: "duplicate",
	LimitedPeer:       "limited-peer",
	LimitedDelivery:   "limited-delivery",
	NotLocal:          "not-local",
	NotOwned:          "not-owned",
	InjectFailed:      "inject-failed",
}

// String is the delivery's name, which is also its metric label.
func (d Delivery) String() string {
	if d < NumDeliveries {
		return deliveryNames[d]
	}
	return "invalid"
}
