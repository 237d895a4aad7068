package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// command is the name of what is asked for.
type command string

const (
	commandPause    command = "pause"
	commandResume   command = "resume"
	commandSnapshot command = "snapshot"
	commandSelftest command = "selftest"
	commandWatch    command = "watch"
)

var commands = []string{
	string(commandPause), string(commandResume), string(commandSnapshot), string(commandSelftest), string(commandWatch),
}

// request is the one line that a client sends.
type request struct {
	Command command `json:"command"`
	filterFields
}

// filterFields are those of a [Filter]; only watch has them.
type filterFields struct {
	Client  string `json:"client,omitempty"`
	Verdict string `json:"verdict,omitempty"`
	Outcome string `json:"outcome,omitempty"`
}

// failure is an answer that says what is wrong.
type failure struct {
	Error string `json:"error"`
}

// watching is the first answer to watch: all that comes from now on is seen.
type watching struct {
	Watching bool `json:"watching"`
}

// parseRequest reads a request. The filter says something only with watch.
func parseRequest(line []byte) (command, Filter, error) {
	var r request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return "", Filter{}, fmt.Errorf("not a request, such as {\"command\":\"pause\"}: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", Filter{}, errors.New("more than one request: one a connection")
	}
	if r.Command == "" {
		return "", Filter{}, errors.New("no command; one of " + strings.Join(commands, ", "))
	}
	if err := oneOf("command", string(r.Command), commands); err != nil {
		return "", Filter{}, err
	}
	if r.Command != commandWatch && r.filterFields != (filterFields{}) {
		return "", Filter{}, fmt.Errorf("client, verdict and outcome go with watch, not with %s", r.Command)
	}
	f, err := ParseFilter(r.Client, r.Verdict, r.Outcome)
	return r.Command, f, err
}
