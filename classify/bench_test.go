package classify_test

import (
	"fmt"
	"net/netip"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

var benchQuotes = map[classify.Family][]int{classify.IPv4: {28, 528, 1232}, classify.IPv6: {48, 528, 1232}}

func BenchmarkDecodeClassify(b *testing.B) {
	for _, family := range []classify.Family{classify.IPv4, classify.IPv6} {
		for _, quote := range benchQuotes[family] {
			b.Run(fmt.Sprintf("%v/quote=%d", family, quote), func(b *testing.B) {
				packet := classifytest.PTB{Family: family, QuoteBytes: quote}.Bytes()
				policy := classifytest.Policy()
				var d classify.Decoder
				b.ReportAllocs()
				for b.Loop() {
					if _, v := judge(&d, &policy, packet); v != classify.Eligible {
						b.Fatal(v)
					}
				}
			})
		}
	}
}

// What a flood costs that the verdict turns away, packet by packet different.
func BenchmarkCorpus(b *testing.B) {
	corpus := classifytest.Corpus()
	policy := classifytest.Policy()
	var d classify.Decoder
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := &corpus[i%len(corpus)]
		if _, v := judge(&d, &policy, c.Packet); v != c.Verdict {
			b.Fatal(c.Name, v)
		}
	}
}

func BenchmarkChecksum(b *testing.B) {
	for _, size := range []int{36, 536, 1240} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			data := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				if classify.Checksum(data) != 0xffff {
					b.Fatal("wrong")
				}
			}
		})
	}
}

// Addresses differ at every turn, so no branch predictor learns the answers.
func BenchmarkPrefixSet(b *testing.B) {
	for _, n := range []int{1, 4, 512} {
		prefixes := hosts(n)
		addresses := make([]netip.Addr, 1<<12)
		state := uint32(1)
		for i := range addresses {
			state = state*1664525 + 1013904223
			addresses[i] = prefixes[int(state>>16)%n].Addr()
			if i%4 == 0 {
				addresses[i] = addresses[i].Next()
			}
		}
		b.Run(fmt.Sprintf("ranges/%d", n), func(b *testing.B) {
			set := classify.Prefixes(prefixes...)
			benchContains(b, addresses, set.Contains)
		})
		b.Run(fmt.Sprintf("map/%d", n), func(b *testing.B) {
			set := make(map[netip.Addr]bool, n)
			for _, p := range prefixes {
				set[p.Addr()] = true
			}
			benchContains(b, addresses, func(a netip.Addr) bool { return set[a] })
		})
	}
}

func benchContains(b *testing.B, addresses []netip.Addr, contains func(netip.Addr) bool) {
	found := 0
	for i := 0; b.Loop(); i++ {
		if contains(addresses[i%len(addresses)]) {
			found++
		}
	}
	if found == 0 && b.N > len(addresses) {
		b.Fatal("nothing found")
	}
}
