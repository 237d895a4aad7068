package firewall

import "testing"

// What is longer than a number, or has no name, is shown as it is.
func TestShow(t *testing.T) {
	long := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, c := range []struct {
		show  func([]byte) string
		value []byte
		want  string
	}{
		{showNumber, long, "0x010203040506070809"},
		{showFlags, long, "0x010203040506070809"},
		{showBig, long, "0x010203040506070809"},
		{showStates, long, "0x010203040506070809"},
		{showRoute, []byte{0}, "missing"},
		{showRoute, []byte{1}, "exists"},
		{showRoute, []byte{7}, "0x07"},
		{showProtocol, []byte{6}, "tcp"},
		{showProtocol, []byte{200}, "200"},
	} {
		if got := c.show(c.value); got != c.want {
			t.Errorf("%x: %s, want %s", c.value, got, c.want)
		}
	}
}
