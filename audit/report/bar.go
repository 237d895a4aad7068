package report

import (
	"math"
	"strings"
)

const (
	barWidth = 24 // columns of a whole bar
	eighths  = 8
)

// parts are bars of one column, by how many eighths of it they fill.
var parts = [eighths]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar draws a share, 0 to 1, of barWidth columns. What is there at all is seen.
func bar(share float64) string {
	n := int(math.Round(share * barWidth * eighths))
	if share > 0 {
		n = max(n, 1)
	}
	drawn := strings.Repeat("█", n/eighths) + parts[n%eighths]
	columns := (n + eighths - 1) / eighths
	return drawn + strings.Repeat(" ", max(0, barWidth-columns))
}
