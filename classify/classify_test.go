package classify_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// judge is the whole pipeline of this package.
func judge(d *classify.Decoder, p *classify.Policy, packet []byte) (*classify.Message, classify.Verdict) {
	m, v := d.Decode(packet)
	if v == classify.Eligible {
		v = p.Classify(m)
	}
	return m, v
}

func TestCorpus(t *testing.T) {
	var d classify.Decoder
	policy := classifytest.Policy()
	hit := make(map[classify.Verdict]int)
	names := make(map[string]bool)
	for _, c := range classifytest.Corpus() {
		if names[c.Name] {
			t.Errorf("two cases are named %s", c.Name)
		}
		names[c.Name] = true
		if !strings.HasPrefix(c.Name, c.Verdict.String()+"/") {
			t.Errorf("%s does not start with its verdict %v", c.Name, c.Verdict)
		}
		_, v := judge(&d, &policy, c.Packet)
		hit[v]++
		if v != c.Verdict {
			t.Errorf("%s: verdict %v", c.Name, v)
		}
	}
	for v := range classify.Verdicts() {
		if hit[v] < 2 {
			t.Errorf("%v: %d packets in the corpus, want several", v, hit[v])
		}
	}
	if len(hit) != classify.NumVerdicts {
		t.Errorf("%d verdicts hit, %d exist", len(hit), classify.NumVerdicts)
	}
}

// The stage matters as much as the verdict: structure comes before policy.
func TestDecodeKeepsToStructure(t *testing.T) {
	var d classify.Decoder
	for _, c := range classifytest.Corpus() {
		want := min(c.Verdict, classify.QuoteProtocol)
		if want == classify.QuoteProtocol {
			want = classify.Eligible
		}
		if _, v := d.Decode(c.Packet); v != want {
			t.Errorf("%s: Decode says %v, want %v", c.Name, v, want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	var d classify.Decoder
	policy := classifytest.Policy()
	corpus := classifytest.Corpus()
	got := testing.AllocsPerRun(10, func() {
		for _, c := range corpus {
			m, _ := judge(&d, &policy, c.Packet)
			_ = m.Key()
		}
	})
	if got != 0 {
		t.Errorf("%v allocations over the corpus, want 0", got)
	}
}

// A decoder that has seen another packet must give the same message as a fresh
// one: nothing of the previous packet stays.
func TestMessageHoldsNothingOfThePreviousPacket(t *testing.T) {
	full := map[string][]byte{
		"ipv4": classifytest.PTB{QuoteBytes: 528}.Bytes(),
		"ipv6": classifytest.PTB{Family: classify.IPv6, QuoteBytes: 528}.Bytes(),
	}
	for _, c := range classifytest.Corpus() {
		for name, previous := range full {
			var used, fresh classify.Decoder
			if m, _ := used.Decode(previous); m.Flow == (classify.Flow{}) {
				t.Fatalf("%s: the previous packet fills nothing", name)
			}
			got, gotVerdict := used.Decode(c.Packet)
			want, wantVerdict := fresh.Decode(c.Packet)
			if diff := cmp.Diff(want, got, comparers...); diff != "" || gotVerdict != wantVerdict {
				t.Errorf("%s after %s: %v, want %v, message:\n%s", c.Name, name, gotVerdict, wantVerdict, diff)
			}
		}
	}
}

func TestFieldsUpToTheRefusal(t *testing.T) {
	var d classify.Decoder
	for _, c := range classifytest.Corpus() {
		m, v := d.Decode(c.Packet)
		checks := []struct {
			field string
			set   bool
			from  classify.Verdict // the first verdict that needs the field
		}{
			{"Packet", m.Packet != nil, classify.Truncated},
			{"Family", m.Family != classify.FamilyUnknown, classify.Truncated},
			{"Router", m.Router.IsValid(), classify.Truncated},
			{"VIP", m.VIP.IsValid(), classify.Truncated},
			{"ICMP", m.ICMP != nil, classify.BadChecksum},
			{"MTU", m.MTU != 0 || c.Verdict == classify.MTUTooSmall, classify.QuoteTruncated},
			{"Flow", m.Flow != classify.Flow{}, classify.Eligible},
		}
		for _, check := range checks {
			if want := v >= check.from; check.set != want {
				t.Errorf("%s: %s set: %v, want %v", c.Name, check.field, check.set, want)
			}
		}
		if v == classify.QuoteFragment && !m.QuoteSource.IsValid() {
			t.Errorf("%s: no QuoteSource", c.Name)
		}
	}
}

// Five thousand garbage packets leave a decoder as good as new.
func TestGarbageChangesNoState(t *testing.T) {
	var d classify.Decoder
	policy := classifytest.Policy()
	corpus := classifytest.Corpus()
	garbage := make([]byte, 1500)
	state := uint32(1)
	for i := range 5000 {
		for j := range garbage {
			state ^= state << 13
			state ^= state >> 17
			state ^= state << 5
			garbage[j] = byte(state)
		}
		garbage[0] = []byte{0x45, 0x60, 0x4f, 0x6f}[i%4]
		judge(&d, &policy, garbage[:i%len(garbage)])
		c := corpus[i%len(corpus)]
		if _, v := judge(&d, &policy, c.Packet); v != c.Verdict {
			t.Fatalf("after %d packets of garbage %s is %v", i+1, c.Name, v)
		}
	}
}
