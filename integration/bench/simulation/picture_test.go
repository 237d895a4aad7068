package simulation

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"time"
)

//go:embed picture.svg.tmpl
var pictureText string

var pictureTemplate = template.Must(template.New("picture").Parse(pictureText))

// colours are the schemes', told apart by all eyes on light and dark ground
// (Okabe and Ito).
var colours = []string{"#e69f00", "#56b4e9", "#009e73"}

// The picture's measures in pixels, and its time axis.
const (
	columns                 = 6
	panelWidth, panelHeight = 160, 90
	stepX, stepY            = 220, 150
	left, top               = 70, 95
	shownSeconds            = 5
)

type mark struct{ X, Label int }

type level struct{ Y, TextY, Label int }

type line struct{ Colour, Path string }

type panel struct {
	X, Y         int
	Name, Detail string
	Lines        []line
}

type key struct {
	X, TextX     int
	Colour, Name string
}

type drawing struct {
	Title                   string
	Width, Height           int
	Left, MiddleX, MiddleY  int
	PanelWidth, PanelHeight int
	TickY, AxisY            int
	Legend                  []key
	Ticks                   []mark
	Levels                  []level
	Panels                  []panel
}

// draw makes the picture of all rows as SVG: for each scenario the healed share
// over time.
func draw(rows []row) (string, error) {
	lines := (len(rows) + columns - 1) / columns
	bottom := top + lines*stepY
	p := drawing{
		Title: "Who is healed, and when, while PTBs are forged",
		Width: left + columns*stepX, Height: bottom + 5,
		Left: left, MiddleX: left + (columns*stepX-stepX+panelWidth)/2, MiddleY: top + (lines*stepY-stepY+panelHeight)/2,
		PanelWidth: panelWidth, PanelHeight: panelHeight,
		TickY: panelHeight + 14, AxisY: bottom - 10,
	}
	for s := range shownSeconds + 1 {
		p.Ticks = append(p.Ticks, mark{s * panelWidth / shownSeconds, s})
	}
	for _, percent := range []int{0, 50, 100} {
		y := panelHeight - percent*panelHeight/100
		p.Levels = append(p.Levels, level{y, y + 4, percent})
	}
	for i, s := range Schemes() {
		x := left + i*stepX
		p.Legend = append(p.Legend, key{x, x + 28, colours[i], s.Name})
	}
	for i, row := range rows {
		p.Panels = append(p.Panels, newPanel(i, row))
	}
	var b strings.Builder
	err := pictureTemplate.Execute(&b, p)
	return b.String(), err
}

func newPanel(i int, row row) panel {
	p := panel{
		X: left + i%columns*stepX, Y: top + i/columns*stepY,
		Name: row.Scenario.Name, Detail: row.Scenario.Detail,
	}
	for i, r := range row.Results {
		p.Lines = append(p.Lines, line{colours[i], stairs(r)})
	}
	return p
}

// stairs is the healed share as an SVG path, one step at most for each pixel.
func stairs(r Result) string {
	var b strings.Builder
	at := -1.0
	for x := range panelWidth + 1 {
		share := r.Healed(time.Duration(x) * shownSeconds * time.Second / panelWidth)
		y := panelHeight * (1 - share)
		switch {
		case x == 0:
			fmt.Fprintf(&b, "M0 %.1f", y)
		case y != at:
			fmt.Fprintf(&b, "H%dV%.1f", x, y)
		case x == panelWidth:
			fmt.Fprintf(&b, "H%d", x)
		}
		at = y
	}
	return b.String()
}
