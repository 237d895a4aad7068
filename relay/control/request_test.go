package control

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	for _, c := range []struct {
		line    string
		command command
		client  string
	}{
		{`{"command":"pause"}`, commandPause, ""},
		{` { "command" : "resume" } ` + "\r\n", commandResume, ""},
		{`{"command":"snapshot"}` + "\n", commandSnapshot, ""},
		{`{"command":"selftest"}`, commandSelftest, ""},
		{`{"command":"watch"}`, commandWatch, ""},
		{`{"command":"watch","client":"","verdict":"","outcome":""}`, commandWatch, ""},
		{`{"command":"watch","client":"203.0.113.9","verdict":"eligible","outcome":"relayed"}`, commandWatch, "203.0.113.9/32"},
	} {
		got, f, err := parseRequest([]byte(c.line))
		if err != nil || got != c.command || f.request().Client != c.client {
			t.Errorf("%s: %s %+v %v", c.line, got, f, err)
		}
	}
}

var badRequests = []struct{ line, want string }{
	{"", "not a request"},
	{"pause", "not a request"},
	{"GET / HTTP/1.1", "not a request"},
	{"[]", "not a request"},
	{`"pause"`, "not a request"},
	{`{"command":"pause"`, "not a request"},
	{`{"command":7}`, "not a request"},
	{`{"command":"pause","force":true}`, `unknown field "force"`},
	{`{"command":"pause"}{"command":"resume"}`, "more than one request"},
	{`{"command":"pause"} x`, "more than one request"},
	{`null`, "no command; one of pause, resume, snapshot, selftest, watch"},
	{`{}`, "no command"},
	{`{"command":"stop"}`, `command "stop" is not known; one of pause, `},
	{`{"command":"Pause"}`, `command "Pause" is not known`},
	{`{"command":"pause","client":"203.0.113.9"}`, "go with watch, not with pause"},
	{`{"command":"watch","client":"x"}`, `client "x" is not an address`},
	{`{"command":"watch","verdict":"x"}`, `verdict "x" is not known`},
	{strings.Repeat("[", maxRequest), "not a request"},
	{"\x00\xff\xfe", "not a request"},
}

func TestParseBadRequest(t *testing.T) {
	for _, c := range badRequests {
		command, f, err := parseRequest([]byte(c.line))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.50s: %s %+v %v, want %q", c.line, command, f, err, c.want)
		}
	}
}

// Whatever comes, a request that is taken is one that a client could have sent:
// written again it says the same. And what is refused says why.
func FuzzParseRequest(f *testing.F) {
	for _, c := range badRequests {
		f.Add([]byte(c.line))
	}
	f.Add([]byte(`{"command":"watch","client":"203.0.113.0/24","verdict":"eligible","outcome":"not-owned"}`))
	f.Add([]byte(`{"command":"watch","client":"2001:db8::/32"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		command, filter, err := parseRequest(line)
		if err != nil {
			if err.Error() == "" || command == commandWatch && filter != (Filter{}) {
				t.Fatalf("refused with %q, %+v", err, filter)
			}
			return
		}
		again := filter.request()
		again.Command = command
		text, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		sameCommand, sameFilter, err := parseRequest(text)
		if err != nil || sameCommand != command || sameFilter != filter {
			t.Fatalf("%q became %s: %s %+v %v", line, text, sameCommand, sameFilter, err)
		}
	})
}
