package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// In each shell, on a terminal, the TAB key offers what can follow.
func TestShellsComplete(t *testing.T) {
	t.Parallel() // it waits more than it works
	const library = "/usr/share/bash-completion/bash_completion"
	for _, c := range []struct {
		shell []string
		begin string   // makes it know ptbrelay, as an operator's profile does
		needs []string // files beside the shell
	}{
		{[]string{"bash", "--norc", "-i"}, "source " + library + "; source <(ptbrelay completion bash)", []string{library}},
		{[]string{"zsh", "-f", "-i"}, "autoload -U compinit; compinit -D; source <(ptbrelay completion zsh)", nil},
		{[]string{"fish", "--no-config", "-i"}, "ptbrelay completion fish | source", nil},
	} {
		t.Run(c.shell[0], func(t *testing.T) {
			t.Parallel()
			for _, path := range c.needs {
				if _, err := os.Stat(path); err != nil {
					labtest.Unable(t, err)
				}
			}
			s := openShell(t, c.shell)
			s.enter(c.begin)
			s.offers("ptbrelay r", "replay", "resume", "rules", "run")
			s.offers("ptbrelay run --transport ", "broadcast", "udp")
			s.offers("ptbrelay doctor --format ", "text", "json")
			s.offers("ptbrelay --log-level ", "debug", "info", "warn", "error")
			s.offers("ptbrelay replay ", "one.pcap", "two.yaml")
			s.offers("ptbrelay run --config ", "one.pcap", "two.yaml")
			s.offers("ptbrelay man r", "replay", "resume", "rules", "run")
		})
	}
}

// shell is a shell on a terminal, in a folder with the files one.pcap and two.yaml, that
// finds ptbrelay.
type shell struct {
	t        *testing.T
	terminal *os.File

	mu    sync.Mutex
	shown string
}

func openShell(t *testing.T, argv []string) *shell {
	t.Helper()
	folder, bin := t.TempDir(), t.TempDir()
	for _, name := range []string{"one.pcap", "two.yaml"} {
		writeFile(t, filepath.Join(folder, name), "")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "ptbrelay")); err != nil {
		t.Fatal(err)
	}
	keyboard, screen := openTerminal(t)
	defer screen.Close()
	cmd := exec.Command(requireProgram(t, argv[0]), argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = screen, screen, screen, folder
	cmd.Env = append(os.Environ(), append(labtest.DaemonEnv(), "HOME="+folder, "TERM=xterm", "PATH="+bin+":"+os.Getenv("PATH"))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, terminal: keyboard}
	var reading sync.WaitGroup
	reading.Go(s.read)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // with its terminal all that it has started ends
		_ = cmd.Wait()
		reading.Wait()
		_ = keyboard.Close()
	})
	return s
}

// openTerminal returns both ends of a wide and high terminal, for lists to be shown as a
// whole.
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(keyboard.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 60, Col: 200}); err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return keyboard, screen
}

// read keeps what is shown until nobody has the terminal any more.
func (s *shell) read() {
	buf := make([]byte, 4096)
	for {
		n, err := s.terminal.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.shown += string(buf[:n])
		s.mu.Unlock()
	}
}

// press presses keys.
func (s *shell) press(keys string) {
	s.t.Helper()
	if _, err := s.terminal.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// enter gives a command and waits until the shell has done it.
func (s *shell) enter(line string) {
	s.t.Helper()
	s.press(line + "; echo do''ne\r")
	s.shows(line, "done")
}

// offers types a line, presses TAB twice, waits until the shell shows words, and takes
// the line back.
func (s *shell) offers(line string, words ...string) {
	s.t.Helper()
	s.press(line + "\t\t")
	s.shows(line, words...)
	s.press("\x15") // Ctrl-U
}

// terminalCodes are what move the cursor and paint.
var terminalCodes = regexp.MustCompile(`\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>()][B0]?)|[\r\x0f]`)

// shows waits until words have been shown since the last time.
func (s *shell) shows(line string, words ...string) {
	s.t.Helper()
	labtest.Eventually(s.t, 20*time.Second, fmt.Sprintf("%q behind %q", words, line), func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		said := strings.Fields(terminalCodes.ReplaceAllString(s.shown, " "))
		for _, w := range words {
			if !slices.Contains(said, w) {
				return fmt.Errorf("no %s in %q", w, said)
			}
		}
		s.shown = ""
		return nil
	})
}
