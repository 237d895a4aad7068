package rules

// Why each rule is there, for who reads the text of nft or of iptables.
const (
	noteTests = "Any other packet pays for these tests alone. What is tested first are the bytes that\n" +
		"are ICMP's type, or TCP's flags, whatever the protocol: they tell nearly all apart."
	whyPTB4 = "PTBs over IPv4: ICMP type 3 code 4."
	whyPTB6 = "PTBs over IPv6: ICMPv6 type 2, any code."
	whySYN  = "SYNs that open a connection: without FIN, RST and ACK."

	whyLoopback = "Not by loopback: there this host hears itself, and what peers sent, given to its kernel."
	whyUnicast  = "Only frames to this host: copies come in broadcast frames, and are never relayed again."
	whyLocal    = "Only what is for an address of this host."
	whyVIPs     = "Only what is for a VIP."
	whyNoVIP    = "No VIP is of this family."

	whyGuard = "rules.node_guard, the burst a fifth of it. What exceeds it is counted here, and goes on\n" +
		"to this host's own stack alone."
	whyPrompt  = "The first PTBs of a second reach ptbrelay at once."
	whyBatch   = "In a flood they reach it 64 at a time, at most 10 ms late: that costs less."
	whySampled = "SYNs go no further."
	whySample  = "A sample of SYNs says what all offer. Their headers are enough: 160 bytes."
)
