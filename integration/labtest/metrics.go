//go:build linux

package labtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"ptbrelay/integration/lab"
)

// scrapeWithin bounds one HTTP request.
const scrapeWithin = 5 * time.Second

// Get fetches a URL from inside a node.
func Get(t testing.TB, n *lab.Node, url string) (status int, body string) {
	t.Helper()
	status, body, err := get(t.Context(), n, url)
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

func get(ctx context.Context, n *lab.Node, url string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	transport := &http.Transport{DialContext: n.Dial, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", fmt.Errorf("read %s: %w", url, err)
	}
	return response.StatusCode, string(b), nil
}

// Metrics scrapes a Prometheus text endpoint from inside a node. Keys are as
// exposed: name, or name{label="value",...} with the labels in their order.
func Metrics(t testing.TB, n *lab.Node, url string) map[string]float64 {
	t.Helper()
	m, err := TryMetrics(t.Context(), n, url)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TryMetrics is Metrics for use within [Eventually].
func TryMetrics(ctx context.Context, n *lab.Node, url string) (map[string]float64, error) {
	status, body, err := get(ctx, n, url)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%s on %s answers %d: %s", url, n.Name(), status, body)
	}
	return parseMetrics(body)
}

// parseMetrics reads the text format without timestamps, which no exporter of
// ours writes.
func parseMetrics(text string) (map[string]float64, error) {
	metrics := make(map[string]float64)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		space := strings.LastIndexByte(line, ' ')
		if space < 0 {
			return nil, fmt.Errorf("no metric: %q", line)
		}
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", line, err)
		}
		metrics[strings.TrimSpace(line[:space])] = value
	}
	return metrics, nil
}
