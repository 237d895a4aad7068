package report

import (
	_ "embed" // the page's template, style and script
	"html/template"
	"io"
	"sync"
)

// Bounds of the page: what is beyond is counted.
const (
	maxShownPeers    = 200
	maxShownFindings = 100
	maxShownLines    = 100 // of the configuration
)

//go:embed statuspage.html
var statusTemplate string

//go:embed statuspage.css
var statusStyle string

//go:embed statuspage.js
var statusScript string

// StatusPolicy is the Content-Security-Policy that the page is to be served with: it
// loads nothing, and runs nothing but its own script, which asks for the page again.
func StatusPolicy() string {
	return "default-src 'none'; style-src " + allowed(statusStyle) + "; script-src " + allowed(statusScript) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// statusPage is made when it is first asked for: most commands never are.
var statusPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"style":     func() template.HTML { return inline("style", statusStyle) },
		"script":    func() template.HTML { return inline("script", statusScript) },
		"table":     viewTable,
		"stage":     viewStage,
		"sizes":     viewSizes,
		"text":      printableText,
		"many":      thousands,
		"percent":   percent,
		"ago":       ago,
		"clock":     clock,
		"roundTrip": roundTrip,
	}).Parse(statusTemplate))
})

// StatusPage writes the status as one page of HTML that needs nothing else. The errors
// are those of the writer.
func StatusPage(to io.Writer, s *Status) error {
	return statusPage().Execute(to, viewStatus(s))
}
