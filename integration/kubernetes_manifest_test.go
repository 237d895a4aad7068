package integration

import (
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"ptbrelay/config"
)

const manifestFile = "kubernetes/ptbrelay.yaml"

// manifest has what tests need of the objects of a file, whatever their kind.
type manifest struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Data     map[string]string
	Spec     struct {
		Template struct {
			Spec struct {
				Containers []podContainer
				Volumes    []volume
			}
		}
	}
}

type podContainer struct {
	Args           []string
	ReadinessProbe probe `yaml:"readinessProbe"`
	LivenessProbe  probe `yaml:"livenessProbe"`
	VolumeMounts   []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

func (c podContainer) probes() []probe { return []probe{c.ReadinessProbe, c.LivenessProbe} }

type probe struct {
	Exec struct{ Command []string }
}

type volume struct {
	Name     string
	EmptyDir *struct{ Medium string } `yaml:"emptyDir"`
	Secret   *struct {
		DefaultMode uint32 `yaml:"defaultMode"`
	}
	ConfigMap *struct{ Name string } `yaml:"configMap"`
}

// manifests are the objects of our file by kind.
func manifests(t *testing.T) map[string]manifest {
	t.Helper()
	byKind := make(map[string]manifest)
	for _, text := range strings.Split(fileText(t, manifestFile), "\n---\n") {
		var m manifest
		if err := yaml.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		byKind[m.Kind] = m
	}
	if len(byKind) != len(kubernetesKinds) {
		t.Fatalf("%d kinds of objects in %s, want one each of %v", len(byKind), manifestFile, kubernetesKinds)
	}
	return byKind
}

// Kubernetes takes the manifests as they are, and none with a key that it does not
// know, a wrong type, or without what it needs.
func TestKubernetesTakesManifests(t *testing.T) {
	program, kinds := requireProgram(t, "kubeconform"), schemas(t)
	conform := func(file string) (string, error) {
		out, err := exec.Command(program, "-strict", "-summary",
			"-schema-location", filepath.Join(kinds, "{{.ResourceKind}}.json"), file).CombinedOutput()
		return string(out), err
	}
	if out, err := conform(manifestFile); err != nil || !strings.Contains(out, "Valid: 4, Invalid: 0, Errors: 0, Skipped: 0") {
		t.Errorf("%s: %v\n%s", manifestFile, err, out)
	}
	text := fileText(t, manifestFile)
	for _, c := range []struct{ right, wrong, says string }{
		{"hostNetwork: true", "hostNetworks: true", "hostNetworks"},
		{"hostNetwork: true", "hostNetwork: 1", "hostNetwork"},
		{"readOnlyRootFilesystem", "readonlyRootFilesystem", "readonlyRootFilesystem"},
		{"publishNotReadyAddresses", "publishNotReady", "publishNotReady"},
		{"defaultMode: 0400", "defaultMode: owner", "defaultMode"},
		{"secretName", "name", "secret"},
		{"data:\n  config.yaml", "datum:\n  config.yaml", "datum"},
		{"kind: DaemonSet", "kind: DeamonSet", "DeamonSet"},
	} {
		if strings.Count(text, c.right) != 1 {
			t.Errorf("%q is not once in %s", c.right, manifestFile)
		}
		file := filepath.Join(t.TempDir(), "wrong.yaml")
		writeFile(t, file, strings.Replace(text, c.right, c.wrong, 1))
		if out, err := conform(file); err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%s for %s: %v, want an error that tells of %s\n%s", c.wrong, c.right, err, c.says, out)
		}
	}
}

// What the configuration names is where the DaemonSet puts it.
func TestKubernetesConfigurationFits(t *testing.T) {
	objects := manifests(t)
	cfg, err := config.Parse(strings.NewReader(objects["ConfigMap"].Data["config.yaml"]), manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	pod := objects["DaemonSet"].Spec.Template.Spec
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers, want 1", len(pod.Containers))
	}
	mounted := make(map[string]volume) // by path
	for _, m := range pod.Containers[0].VolumeMounts {
		for _, v := range pod.Volumes {
			if v.Name == m.Name {
				mounted[m.MountPath] = v
			}
		}
	}
	if v := mounted["/etc/ptbrelay"]; v.ConfigMap == nil || v.ConfigMap.Name != objects["ConfigMap"].Metadata.Name {
		t.Error("/etc/ptbrelay, where the daemon looks for its configuration, is not the ConfigMap")
	}
	if v := mounted[path.Dir(cfg.UDP.KeyFile)]; v.Secret == nil || v.Secret.DefaultMode != 0o400 {
		t.Errorf("udp.key_file %s is not in a Secret of mode 0400", cfg.UDP.KeyFile)
	}
	if v := mounted[path.Dir(cfg.Control)]; v.EmptyDir == nil || v.EmptyDir.Medium != "Memory" {
		t.Errorf("control %s is not in an emptyDir in memory", cfg.Control)
	}
	service := objects["Service"].Metadata
	if want := service.Name + "." + service.Namespace + ".svc"; cfg.Peers.DNS.Name != want {
		t.Errorf("peers.dns.name is %s, that of the Service %s", cfg.Peers.DNS.Name, want)
	}
}
