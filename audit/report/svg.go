package report

import (
	"fmt"
	"math"
	"strings"

	"ptbrelay/audit"
)

// Heights of pictures are in CSS pixels, so that their text is as large as other text;
// widths are as wide as there is room.
const (
	rowHeight = 20
	barHeight = 14
	// longestBar is a share of the picture, in percent: on a narrow phone the names and
	// shares before it take the rest.
	longestBar = 62
)

// bars is the picture of a distribution: a bar a value, the largest value first.
type bars struct {
	ID        string
	Title     string
	Height    int
	BarHeight int
	Bars      []drawnBar
}

// drawnBar is a bar and what stands before it.
type drawnBar struct {
	Name    string
	Share   string
	Title   string
	Y, Base int     // top of the bar, base line of the text
	Width   float64 // percent
}

// drawBars draws a distribution. What is there at all is seen.
func drawBars(id, title string, v audit.Values) bars {
	largest := 0.0
	for _, c := range v.Counts {
		largest = max(largest, c.Share)
	}
	b := bars{ID: id, Title: title, Height: len(v.Counts) * rowHeight, BarHeight: barHeight}
	for i, c := range v.Counts {
		y := i*rowHeight + (rowHeight-barHeight)/2
		b.Bars = append(b.Bars, drawnBar{
			Name:  fmt.Sprint(c.Bytes),
			Share: percent(c.Share),
			Title: fmt.Sprintf("%d bytes: %s, %s", c.Bytes, thousands(c.Count), percent(c.Share)),
			Y:     y, Base: y + barHeight - 3,
			Width: max(0.4, round(c.Share/largest*longestBar)),
		})
	}
	return b
}

// strip is the picture of a whole and its parts, one behind the other.
type strip struct {
	ID            string
	Title         string
	Width, Height float64 // of its own coordinates; it is stretched
	Parts         []part
}

type part struct {
	Kind     Kind
	Title    string
	X, Width float64
}

// drawStrip draws the sums of rows as parts of a whole, which what introduces. What
// is there at all is seen.
func drawStrip(id, what string, rows []Row) strip {
	const width, least = 340, 2
	whole, there := 0.0, 0
	for _, r := range rows {
		if n := r.sum(); n > 0 {
			whole += float64(n)
			there++
		}
	}
	s := strip{ID: id, Width: width, Height: 1}
	var said []string
	x, scale := 0.0, width-least*float64(there)
	for _, r := range rows {
		n := r.sum()
		if n == 0 {
			continue
		}
		share := float64(n) / whole
		text := fmt.Sprintf("%s %s (%s)", thousands(n), r.Name, percent(share))
		said = append(said, text)
		wide := least + share*scale
		s.Parts = append(s.Parts, part{r.Kind, text, round(x), round(wide)})
		x += wide
	}
	s.Title = what + ": " + strings.Join(said, ", ")
	return s
}

// round keeps coordinates short.
func round(x float64) float64 { return math.Round(x*10) / 10 }
