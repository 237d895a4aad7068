package integration

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"ptbrelay/audit/check"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// shown is what a status page says.
type shown struct {
	numbers  map[string]float64 // by the metric that exports it
	states   map[string]string  // by what they are the state of, but peers
	peers    map[string]string  // state, by address:port
	findings map[string]float64 // how many, by the metric that counts them
}

// pageOf reads the status page of a server.
func pageOf(t testing.TB, server *lab.Node) (shown, error) {
	t.Helper()
	status, body := labtest.Get(t, server, "http://localhost:7690/")
	if status != http.StatusOK {
		return shown{}, fmt.Errorf("the page answers %d: %s", status, body)
	}
	return readPage(body)
}

// readPage reads a document.
func readPage(document string) (shown, error) {
	root, err := html.Parse(strings.NewReader(document))
	if err != nil {
		return shown{}, err
	}
	s := shown{
		numbers: make(map[string]float64), states: make(map[string]string),
		peers: make(map[string]string), findings: make(map[string]float64),
	}
	return s, s.read(root)
}

// read adds what the elements below a node say.
func (s *shown) read(root *html.Node) error {
	var errs []error
	peer := ""
	for n := range root.Descendants() { // in the order of the text: a peer's row before its cells
		if metric, ok := attribute(n, "data-metric"); ok {
			errs = append(errs, s.addNumber(metric, textOf(n)))
		}
		if address, ok := attribute(n, "data-peer"); ok {
			peer = address
		}
		switch state, ok := attribute(n, "data-state"); {
		case ok && state == "peer":
			s.peers[peer] = textOf(n)
		case ok:
			s.states[state] = textOf(n)
		}
		if id, ok := attribute(n, "data-finding"); ok {
			severity, _ := attribute(n, "data-severity")
			s.findings[findingMetric(id, check.Severity(severity))]++
		}
	}
	return errors.Join(errs...)
}

func (s *shown) addNumber(metric, text string) error {
	plain, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%s on the page: %w", metric, err)
	}
	n := float64(plain)
	if earlier, ok := s.numbers[metric]; ok && earlier != n {
		return fmt.Errorf("%s is %v and %v on one page", metric, earlier, n)
	}
	s.numbers[metric] = n
	return nil
}

func attribute(n *html.Node, name string) (value string, ok bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func textOf(n *html.Node) string {
	var text strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			text.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(text.String())
}
