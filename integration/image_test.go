package integration

import (
	"archive/tar"
	"errors"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// imageTime is when the image says that it was made; buildah's way to say
// SOURCE_DATE_EPOCH.
const imageTime = "1767225600"

// TestImage makes the image twice, looks into it, and runs what is in it.
func TestImage(t *testing.T) {
	t.Parallel() // with what waits
	if !ofRoot(t) {
		t.Skip("buildah makes the image as the machine's root only")
	}
	binary := makeBinary(t, "..")
	image := makeImage(t, binary)
	t.Run("reproducible", func(t *testing.T) {
		if again := makeImage(t, binary); again.digest != image.digest {
			t.Errorf("the same binary made %s and %s", image.digest, again.digest)
		}
	})
	t.Run("contents", func(t *testing.T) { checkImage(t, image) })
	root := t.TempDir()
	image.unpack(t, root)
	t.Run("version", func(t *testing.T) {
		p := startContainer(t, labtest.Node(t, "host"), root, image.argv("version"), "")
		if code, out := p.wait(); code != 0 || !strings.HasPrefix(out, "ptbrelay "+builtVersion+" ") {
			t.Errorf("version: exit code %d, %s", code, out)
		}
	})
	t.Run("heals", func(t *testing.T) { imageHeals(t, image, root) })
}

// imageHeals runs the image on every server of a lab, as the Dockerfile says.
func imageHeals(t *testing.T, image ociImage, root string) {
	l := labtest.New(t, lab.Options{Clients: 16})
	taps := labtest.TapServers(t, l)
	for _, s := range l.Servers {
		p := startContainer(t, s, root, image.argv(), "interfaces: [eth0]\n")
		labtest.Eventually(t, 10*time.Second, "ptbrelay captures on "+s.Name(), func() error {
			if log := fileText(t, p.log); !strings.Contains(log, "msg=capturing") {
				return errors.New(log)
			}
			return nil
		})
		p.checkPrivileges()
	}
	report := labtest.Downloads(t, l, lab.Load{})
	if err := report.CheckHash(l.Landings(taps)); err != nil {
		t.Fatal(err)
	}
	allFinished(t, report)
	for _, s := range l.Servers {
		checkLaws(t, s)
	}
}

// checkImage fails the test unless the image is the binary and how to start it.
func checkImage(t *testing.T, image ociImage) {
	t.Helper()
	want := imageConfig{
		Entrypoint: []string{"/usr/bin/ptbrelay"},
		Cmd:        []string{"run"},
		Env:        []string{"PATH=/usr/bin"},
		User:       "0:0",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "ptbrelay",
			"org.opencontainers.image.description": image.config.Labels["org.opencontainers.image.description"],
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     builtVersion,
		},
	}
	delete(image.config.Labels, "io.buildah.version") // buildah's signature
	if diff := cmp.Diff(want, image.config); diff != "" {
		t.Error(diff)
	}
	if image.config.Labels["org.opencontainers.image.description"] == "" {
		t.Error("the image has no description")
	}
	if image.architecture != runtime.GOARCH || image.os != "linux" {
		t.Errorf("it is for %s on %s", image.os, image.architecture)
	}
	if len(image.layers) != 1 {
		t.Fatalf("%d layers, want one", len(image.layers))
	}
	var names []string
	for _, f := range image.files(t) {
		names = append(names, f.header.Name)
		if h := f.header; h.Mode&0o7777 != 0o755 || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s has mode %#o and owner %d:%d", h.Name, h.Mode, h.Uid, h.Gid)
		}
		if f.header.Typeflag == tar.TypeReg && f.text != fileText(t, image.binary) {
			t.Errorf("%s is not the binary that make built", f.header.Name)
		}
	}
	if want := []string{"usr/", "usr/bin/", "usr/bin/ptbrelay"}; !slices.Equal(names, want) {
		t.Errorf("it has %q, want %q", names, want)
	}
}

// makeImage is what `make image` makes of a binary, by buildah with a storage of its
// own.
func makeImage(t *testing.T, binary string) ociImage {
	t.Helper()
	store := t.TempDir()
	buildah := []string{requireProgram(t, "buildah"), "--storage-driver", "vfs",
		"--root", filepath.Join(store, "root"), "--runroot", filepath.Join(store, "run")}
	program(t, "make", "-s", "-C", "..", "-o", "build", "image", "VERSION="+builtVersion, "BIN="+binary,
		"DOCKER="+strings.Join(buildah, " "), "IMAGEFLAGS=--isolation chroot --timestamp "+imageTime)
	layout := filepath.Join(store, "layout")
	program(t, buildah[0], append(buildah[1:], "push", "ptbrelay:"+builtVersion, "oci:"+layout)...)
	return readImage(t, layout, binary)
}

// program runs one and fails the test where it fails.
func program(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}
