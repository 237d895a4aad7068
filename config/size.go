package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// The units of a [Size].
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

var sizeUnits = []struct {
	name string
	size Size
}{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}}

// String returns the size in the largest unit that divides it: "8MiB", "1000".
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// parseSize reads a whole number of bytes, or of KiB, MiB or GiB, without a
// space: "8MiB". Units of a thousand (kB, MB) are refused, because half of
// those who write them mean the others.
func parseSize(text string) (Size, error) {
	digits, unit := text, Size(1)
	for _, u := range sizeUnits {
		if d, ok := strings.CutSuffix(text, u.name); ok {
			digits, unit = d, u.size
			break
		}
	}
	if !decimal(digits) {
		return 0, fmt.Errorf("%s is not a size; write a number and KiB, MiB or GiB, such as 8MiB", quote(text))
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit) {
		return 0, fmt.Errorf("%s is out of range; a size ends at %d bytes", quote(text), int64(math.MaxInt64))
	}
	return Size(n) * unit, nil
}
