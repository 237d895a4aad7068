package bench

import (
	"fmt"
	"os"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// BenchmarkOneNode measures what one server's daemon does, row by row, each
// against the floor, and prints all rows as one table at the end.
func BenchmarkOneNode(b *testing.B) {
	var s summary
	b.Run("downloads", s.downloads)
	eachMessage(b, "calm", s.calm)
	eachMessage(b, "busy", s.busy)
	eachMessage(b, "highest", s.highest)
	eachCrowd(b, "fanout", s.fanOut)
	b.Run("fanin", s.fanIn)
	b.Run("flood", s.flood)
	b.Run("memory", s.memory)
	b.Run("decide", s.decide)
	b.Run("bystander", s.bystander)
	if _, err := fmt.Fprint(os.Stdout, &s); err != nil {
		b.Fatal(err)
	}
}

// eachMessage runs a row for quotes from the smallest to the largest.
func eachMessage(b *testing.B, row string, f func(*testing.B, classifytest.PTB)) {
	for _, m := range []classifytest.PTB{
		{Family: classify.IPv4, QuoteBytes: 28},
		{Family: classify.IPv4, QuoteBytes: 528},
		{Family: classify.IPv4, QuoteBytes: 1232},
		{Family: classify.IPv6, QuoteBytes: 48}, // a header and 8 bytes, as 28 for IPv4
		{Family: classify.IPv6, QuoteBytes: 528},
		{Family: classify.IPv6, QuoteBytes: 1232},
	} {
		b.Run(fmt.Sprintf("%s/%v/quote=%d", row, m.Family, m.QuoteBytes), func(b *testing.B) { f(b, m) })
	}
}
