package integration

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "write pictures of the status page into this `directory`")

// Widths of a small phone and of a desk's window, in CSS pixels.
const (
	phone = 360
	desk  = 1280
)

// prefer has the page rendered for those who want it "light" or "dark".
func (p *tab) prefer(scheme string) {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// widen gives the tab a width; below a desk's it is a phone.
func (p *tab) widen(width int64) {
	p.t.Helper()
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(2)}
	if width < desk {
		options = append(options, chromedp.EmulateMobile)
	}
	p.do(chromedp.EmulateViewport(width, 800, options...))
}

// unfold opens what the page keeps folded.
func (p *tab) unfold() {
	p.t.Helper()
	evaluate[*bool](p, `document.querySelectorAll("details").forEach(e => { e.open = true }), null`)
}

// picture writes what the tab shows, where pictures are asked for.
func (p *tab) picture(name string) {
	p.t.Helper()
	if *screenshots == "" {
		return
	}
	const lossless = 100
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(lossless))
	if err == nil {
		err = os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// contrasts lists texts with less contrast than WCAG 2.2 §1.4.3 (AA) asks for, and
// the luminance of the page's ground. A canvas mixes the colours, so they may have
// been given in any way that CSS has.
const contrasts = `(() => {
	const brush = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true})
	const mixed = colours => {
		for (const c of ["#fff", ...colours]) {
			brush.fillStyle = c
			brush.fillRect(0, 0, 1, 1)
		}
		return brush.getImageData(0, 0, 1, 1).data
	}
	const luminance = colours => {
		const [r, g, b] = [...mixed(colours)].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		return 0.2126 * r + 0.7152 * g + 0.0722 * b
	}
	const grounds = e => e ? [...grounds(e.parentElement), getComputedStyle(e).backgroundColor] : []
	const poor = []
	let texts = 0
	for (const e of document.querySelectorAll("body *")) {
		if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim())) continue
		texts++
		const style = getComputedStyle(e), ground = grounds(e)
		const front = luminance([...ground, e instanceof SVGElement ? style.fill : style.color]), back = luminance(ground)
		const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05)
		if (ratio < 4.5) poor.push(ratio.toFixed(2) + " " + e.tagName + " " + e.textContent.trim().slice(0, 40))
	}
	return {poor, texts, ground: luminance(grounds(document.body))}
})()`

// Light and dark, whatever the reader prefers; every text can be read.
func testPageColours(t *testing.T, b browser, s *browsed) {
	p := b.tab(t)
	p.widen(desk)
	p.open(s.url)
	p.unfold()
	for scheme, fits := range map[string]func(ground float64) bool{
		"light": func(ground float64) bool { return ground > 0.8 },
		"dark":  func(ground float64) bool { return ground < 0.05 },
	} {
		p.prefer(scheme)
		got := evaluate[struct {
			Poor   []string
			Texts  int
			Ground float64
		}](p, contrasts)
		if !fits(got.Ground) {
			t.Errorf("%s: the ground's luminance is %.2f", scheme, got.Ground)
		}
		if got.Texts < 100 {
			t.Errorf("%s: %d texts are seen", scheme, got.Texts)
		}
		if n := len(got.Poor); n > 0 {
			t.Errorf("%s: %d texts have too little contrast, such as %q", scheme, n, got.Poor[:min(n, 10)])
		}
		p.picture(scheme)
	}
}

// The document is as wide as the window, also with the greatest numbers.
func testPageWidth(t *testing.T, b browser, s *browsed) {
	p := b.tab(t)
	p.open(s.url)
	for _, width := range []int64{phone, desk} {
		p.widen(width)
		p.checkWidth(width, "folded")
		p.picture(fmt.Sprint(width))
	}
	p.unfold()
	evaluate[*bool](p, `document.querySelectorAll("[data-metric]").forEach(e => { e.textContent = "18446744073709551615" }), null`)
	for _, width := range []int64{phone, desk} {
		p.widen(width)
		p.checkWidth(width, "great numbers")
		p.picture(fmt.Sprint(width, "-great"))
	}
}

func (p *tab) checkWidth(width int64, with string) {
	p.t.Helper()
	got := evaluate[struct{ Window, Document int64 }](p, `{const e = document.documentElement; ({window: e.clientWidth, document: e.scrollWidth})}`)
	if got.Window != width || got.Document > width {
		p.t.Errorf("%d wide, %s: the document takes %d of %d", width, with, got.Document, got.Window)
	}
}
