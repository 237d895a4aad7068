package integration

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Where Kubernetes' DNS answers on a node of the lab, and by which names.
const (
	clusterDNS  = "127.0.0.53"
	clusterName = "svc.cluster.local."
)

// Nodes that are given what the manifests say, and no more, find each other by the
// name of the Service and heal. Each is in the answer itself, and leaves itself out. The
// kubelet hears that they live though others hold all connections of the http port.
func TestKubernetesNodesHeal(t *testing.T) {
	objects := manifests(t)
	service := objects["Service"].Metadata
	r := watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Clients: 16})
	var peers []netip.Addr
	for i := range r.Servers {
		peers = append(peers, r.ServerAddr(lab.IPv4, i))
	}
	for _, node := range r.Servers {
		answerFor(t, node, service.Name+"."+service.Namespace+"."+clusterName, peers)
		asPod(t, node, objects)
		labtest.Start(t, node, objects["DaemonSet"].Spec.Template.Spec.Containers[0].Args...)
	}
	for _, node := range r.Servers {
		await(t, node, peersMetric("dns", "up"), float64(len(r.Servers)-1))
		if m := metricsOf(t, node); sum(m, "ptbrelay_peers") != float64(len(r.Servers)-1) {
			t.Errorf("%s has %v peers, of whom one must be itself", node.Name(), sum(m, "ptbrelay_peers"))
		}
		release := holdHTTP(t, node, mostHeld(t))
		for _, p := range objects["DaemonSet"].Spec.Template.Spec.Containers[0].probes() {
			if code, out := command(t, node, p.Exec.Command[1:]...); code != 0 {
				t.Errorf("%s: %q: exit code %d\n%s", node.Name(), p.Exec.Command, code, out)
			}
		}
		release()
	}
	r.heal()
	if code, out := command(t, r.Servers[0], "selftest"); code != 0 {
		t.Errorf("selftest: exit code %d\n%s", code, out)
	}
}

// asPod gives a node the files that a pod of the DaemonSet sees below /etc and /run.
func asPod(t *testing.T, node *lab.Node, objects map[string]manifest) {
	t.Helper()
	pod := objects["DaemonSet"].Spec.Template.Spec
	err := node.Do(func() error {
		if err := unix.Mount("tmpfs", "/etc", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
			return err
		}
		search := objects["DaemonSet"].Metadata.Namespace + "." + clusterName + " " + clusterName
		writeFile(t, "/etc/resolv.conf", "nameserver "+clusterDNS+"\nsearch "+search+" cluster.local\noptions ndots:5\n")
		writeFile(t, "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
		for _, m := range pod.Containers[0].VolumeMounts {
			for _, v := range pod.Volumes {
				if v.Name == m.Name {
					if err := v.mount(m.MountPath, objects["ConfigMap"].Data); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// mount makes a volume as the kubelet does: of a ConfigMap and a Secret each file
// leads to ..data, and that to a folder.
func (v volume) mount(folder string, configMap map[string]string) error {
	files, mode := configMap, os.FileMode(0o644)
	switch {
	case v.EmptyDir != nil:
		return os.Mkdir(folder, 0o777)
	case v.Secret != nil:
		files, mode = map[string]string{"key": labtest.Key(0) + "\n"}, os.FileMode(v.Secret.DefaultMode)
	}
	const version = "..2026_11_21_09_27_23.1234567890"
	if err := os.MkdirAll(filepath.Join(folder, version), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(version, filepath.Join(folder, "..data")); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, version, name), []byte(text), mode); err != nil {
			return err
		}
		if err := os.Symlink("..data/"+name, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// answerFor is the cluster's DNS on a node: it knows the addresses of one name.
func answerFor(t *testing.T, node *lab.Node, name string, addresses []netip.Addr) {
	t.Helper()
	var packets net.PacketConn
	err := node.Do(func() (err error) {
		packets, err = net.ListenPacket("udp", net.JoinHostPort(clusterDNS, "53"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Name != name {
			m.Rcode = dns.RcodeNameError
		} else if q.Question[0].Qtype == dns.TypeA {
			for _, a := range addresses {
				m.Answer = append(m.Answer, &dns.A{
					Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: a.AsSlice(),
				})
			}
		}
		_ = w.WriteMsg(m) // one who asked and left
	})}
	var serving sync.WaitGroup
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	serving.Go(func() {
		if err := server.ActivateAndServe(); err != nil {
			t.Errorf("DNS server: %v", err)
		}
	})
	<-started
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Errorf("DNS server: %v", err)
		}
		serving.Wait()
	})
}
