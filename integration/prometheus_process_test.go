package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

const (
	// prometheusStartsWithin is generous: the program is 100 MB long.
	prometheusStartsWithin = 30 * time.Second
	// apiWithin bounds one request to it.
	apiWithin = 10 * time.Second
)

// prometheusServer is a running Prometheus in the network namespace of the tests,
// where there is nothing but loopback.
type prometheusServer struct{ url string }

// startPrometheus runs a Prometheus with this configuration until the test ends, and
// returns when it is ready.
func startPrometheus(t testing.TB, config string) *prometheusServer {
	t.Helper()
	program, address := requireProgram(t, "prometheus"), freeAddress(t)
	log := new(heard)
	cmd := exec.Command(program, "--config.file="+writeConfig(t, config), "--storage.tsdb.path="+t.TempDir(),
		"--web.listen-address="+address, "--log.level=warn")
	cmd.Stdout, cmd.Stderr = log, log
	exited := startUntilEnd(t, cmd)
	p := &prometheusServer{"http://" + address}
	labtest.Eventually(t, prometheusStartsWithin, "Prometheus is ready", func() error {
		select {
		case <-exited:
			t.Fatalf("Prometheus ended: %s", log)
		default:
		}
		_, err := p.get("/-/ready", nil)
		return err
	})
	return p
}

// startUntilEnd starts a program that is killed when the test ends, or the test's
// process dies.
func startUntilEnd(t testing.TB, cmd *exec.Cmd) (exited <-chan struct{}) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL} // when its thread ends
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
	return ended
}

// freeAddress is one of loopback that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// promSeries is one series of the answer to an instant query.
type promSeries struct {
	Labels map[string]string
	Value  float64
}

// query asks for the value of an expression now.
func (p *prometheusServer) query(expression string) ([]promSeries, error) {
	body, err := p.get("/api/v1/query", url.Values{"query": {expression}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expression, err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any // a time, and the number as text
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", expression, body, err)
	}
	var found []promSeries
	for _, r := range answer.Data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", expression, err)
		}
		found = append(found, promSeries{r.Metric, v})
	}
	return found, nil
}

// get fetches a page of its API; any answer but a good one is an error.
func (p *prometheusServer) get(path string, arguments url.Values) ([]byte, error) {
	client := http.Client{Timeout: apiWithin}
	response, err := client.Get(p.url + path + "?" + arguments.Encode())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return body, err
}
