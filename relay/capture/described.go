package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// Options of an interface description (draft-ietf-opsawg-pcapng, section 4.2).
const (
	optionEnd        = 0
	optionResolution = 9
	optionOffset     = 14
)

// described is what a pcapng says of an interface.
type described struct {
	link   linkType
	snap   uint32 // most bytes of a packet that were captured; 0: all
	second uint64 // ticks
	offset int64  // seconds, to be added to every time
}

// describe reads the body of an interface description.
func describe(order binary.ByteOrder, body []byte) (d described, err error) {
	const header = 8
	if len(body) < header {
		return d, errShort
	}
	d.link = linkType(order.Uint16(body))
	d.snap = order.Uint32(body[4:])
	d.second = uint64(time.Second / time.Microsecond)
	return d, d.options(order, body[header:])
}

// options reads what tells how times are to be read.
func (d *described) options(order binary.ByteOrder, b []byte) error {
	for len(b) >= 4 {
		kind, size := order.Uint16(b), int(order.Uint16(b[2:]))
		if kind == optionEnd {
			return nil
		}
		if b = b[4:]; size > len(b) {
			return fmt.Errorf("its option %d goes beyond the block", kind)
		}
		if err := d.option(order, kind, b[:size]); err != nil {
			return err
		}
		b = b[min(align4(size), len(b)):]
	}
	return nil
}

func (d *described) option(order binary.ByteOrder, kind uint16, value []byte) (err error) {
	switch {
	case kind == optionResolution && len(value) == 1:
		d.second, err = resolution(value[0])
	case kind == optionOffset && len(value) == 8:
		d.offset = int64(order.Uint64(value))
	case kind == optionResolution, kind == optionOffset:
		err = fmt.Errorf("its option %d has %d bytes", kind, len(value))
	}
	return err
}

// resolution returns how many ticks a second has: 10^v, or 2^v with the upper bit
// set. More than 64 bits can count are an error.
func resolution(v byte) (second uint64, err error) {
	power := v &^ 0x80
	if v != power {
		if power > 63 {
			return 0, fmt.Errorf("its times count 2^-%d seconds, at most 2^-63 can be read", power)
		}
		return 1 << power, nil
	}
	if power > 19 {
		return 0, fmt.Errorf("its times count 10^-%d seconds, at most 10^-19 can be read", power)
	}
	second = 1
	for range power {
		second *= 10
	}
	return second, nil
}

var errTime = errors.New("its time is before 1970 or after 2262")

// time returns nanoseconds since 1970, rounded down.
func (d described) time(ticks uint64) (int64, error) {
	const most = math.MaxInt64/int64(time.Second) - 1 // seconds that fit
	seconds := ticks / d.second
	if seconds > uint64(most) || d.offset > most || d.offset < -most {
		return 0, errTime
	}
	sum := int64(seconds) + d.offset
	if sum < 0 || sum > most {
		return 0, errTime
	}
	high, low := bits.Mul64(ticks%d.second, uint64(time.Second))
	nanoseconds, _ := bits.Div64(high, low, d.second)
	return sum*int64(time.Second) + int64(nanoseconds), nil
}
