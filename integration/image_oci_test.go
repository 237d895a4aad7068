package integration

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ociImage is an image as an OCI layout holds it.
type ociImage struct {
	binary           string // what it was made from
	digest           string
	os, architecture string
	config           imageConfig
	layers           []string // paths of compressed tar archives
}

type imageConfig struct {
	Entrypoint, Cmd, Env []string
	User                 string
	Labels               map[string]string
	Volumes              map[string]struct{}
	ExposedPorts         map[string]struct{}
}

// readImage reads the one image of an OCI layout.
func readImage(t *testing.T, layout, binary string) ociImage {
	t.Helper()
	type reference struct{ Digest string }
	blob := func(r reference) string {
		return filepath.Join(layout, "blobs", strings.Replace(r.Digest, ":", "/", 1))
	}
	read := func(path string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(fileText(t, path)), into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	var index struct{ Manifests []reference }
	read(filepath.Join(layout, "index.json"), &index)
	if len(index.Manifests) != 1 {
		t.Fatalf("%d images, want one", len(index.Manifests))
	}
	var manifest struct {
		Config reference
		Layers []reference
	}
	read(blob(index.Manifests[0]), &manifest)
	var about struct {
		OS, Architecture string
		Config           imageConfig
	}
	read(blob(manifest.Config), &about)
	image := ociImage{
		binary: binary, digest: index.Manifests[0].Digest,
		os: about.OS, architecture: about.Architecture, config: about.Config,
	}
	for _, l := range manifest.Layers {
		image.layers = append(image.layers, blob(l))
	}
	return image
}

// argv is how a container runtime starts the image, with arguments of the user's or with
// the image's own.
func (i ociImage) argv(args ...string) []string {
	if len(args) == 0 {
		args = i.config.Cmd
	}
	return slices.Concat(i.config.Entrypoint, args)
}

// layerFile is a file or a folder of a layer.
type layerFile struct {
	header *tar.Header
	text   string
}

// files are those of the image's first layer.
func (i ociImage) files(t *testing.T) (files []layerFile) {
	t.Helper()
	f, err := os.Open(i.layers[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, layerFile{header, string(text)})
	}
}

// unpack writes the image's files below a folder.
func (i ociImage) unpack(t *testing.T, folder string) {
	t.Helper()
	for _, f := range i.files(t) {
		path := filepath.Join(folder, f.header.Name)
		var err error
		if f.header.Typeflag == tar.TypeDir {
			err = os.Mkdir(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(f.text), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
