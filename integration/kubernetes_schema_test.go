package integration

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	// kubernetesModule has the description of Kubernetes' API.
	kubernetesModule = "k8s.io/kubernetes@v1.34.0"
	// definitionsFile is what our manifests need of it, by name, a line each.
	definitionsFile = "testdata/kubernetes.json"
)

// kubernetesKinds are the definitions of the kinds in our manifests.
var kubernetesKinds = map[string]string{
	"ConfigMap": "io.k8s.api.core.v1.ConfigMap",
	"DaemonSet": "io.k8s.api.apps.v1.DaemonSet",
	"Namespace": "io.k8s.api.core.v1.Namespace",
	"Service":   "io.k8s.api.core.v1.Service",
}

// definition is a JSON schema as decoded.
type definition = map[string]any

// The definitions are those of Kubernetes.
func TestKubernetesDefinitions(t *testing.T) {
	got := definitionsOfModule(t)
	if *update {
		writeFile(t, definitionsFile, got)
	}
	if diff := cmp.Diff(fileText(t, definitionsFile), got); diff != "" {
		t.Errorf("%s is not what %s has; go test -run %s -update ./integration writes it anew\n%s",
			definitionsFile, kubernetesModule, t.Name(), diff)
	}
}

// definitionsOfModule reads them from the module, where that has been downloaded.
func definitionsOfModule(t *testing.T) string {
	t.Helper()
	download := exec.Command(requireProgram(t, "go"), "mod", "download", "-json", kubernetesModule)
	download.Env = append(download.Environ(), "GOPROXY=off")
	out, err := download.Output()
	if err != nil {
		t.Skipf("not in the module cache; go mod download %s gets it (21 MB)", kubernetesModule)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	var api struct{ Definitions map[string]definition }
	swagger := fileText(t, filepath.Join(module.Dir, "api/openapi-spec/swagger.json"))
	if err := json.Unmarshal([]byte(swagger), &api); err != nil {
		t.Fatal(err)
	}
	needed := make(map[string]definition)
	for _, name := range kubernetesKinds {
		collect(api.Definitions, name, needed)
	}
	lines := make([]string, 0, len(needed))
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		line, err := json.Marshal(map[string]definition{name: needed[name]})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line[1:len(line)-1]))
	}
	return "{\n" + strings.Join(lines, ",\n") + "\n}\n"
}

// collect copies a definition, and all that it refers to, without what is for readers.
func collect(all map[string]definition, name string, needed map[string]definition) {
	if needed[name] != nil {
		return
	}
	needed[name] = make(definition)
	var strip func(v any, names bool) any
	strip = func(v any, names bool) any {
		switch v := v.(type) {
		case map[string]any:
			kept := make(definition)
			for key, value := range v {
				if !names && (key == "description" || strings.HasPrefix(key, "x-")) {
					continue
				}
				if reference, ok := value.(string); ok && key == "$ref" {
					collect(all, strings.TrimPrefix(reference, "#/definitions/"), needed)
				}
				kept[key] = strip(value, !names && key == "properties")
			}
			return kept
		case []any:
			list := make([]any, len(v))
			for i := range v {
				list[i] = strip(v[i], false)
			}
			return list
		}
		return v
	}
	maps.Copy(needed[name], strip(all[name], false).(definition))
}

// schemas writes a JSON schema for each kind into a folder: a key that Kubernetes does
// not know is an error there.
func schemas(t *testing.T) (folder string) {
	t.Helper()
	var definitions map[string]definition
	if err := json.Unmarshal([]byte(fileText(t, definitionsFile)), &definitions); err != nil {
		t.Fatal(err)
	}
	for _, d := range definitions {
		if d["properties"] != nil {
			d["additionalProperties"] = false
		}
		if d["format"] == "int-or-string" {
			d["type"] = []string{"integer", "string"}
			delete(d, "format")
		}
	}
	folder = t.TempDir()
	for kind, name := range kubernetesKinds {
		schema, err := json.Marshal(definition{"$ref": "#/definitions/" + name, "definitions": definitions})
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(folder, strings.ToLower(kind)+".json"), schema)
	}
	return folder
}
