package config

import "reflect"

// unbuilt lists the keys whose feature this version lacks. Only their default
// passes; anything else is refused, because a key that is read and then not
// heeded is worse than none. When a feature is built, its lines go.
var unbuilt = []struct {
	path string
	// only is the one value refused; empty refuses all but the default.
	only string
}{
	{"relay.transport", "udp"},
	{path: "udp.listen"},
	{path: "udp.port"},
	{path: "udp.key_file"},
	{path: "udp.insecure"},
	{path: "udp.tolerance"},
	{path: "udp.deliver"},
	{path: "peers.static"},
	{path: "peers.file"},
	{path: "peers.dns.name"},
	{path: "peers.dns.refresh"},
	{path: "audit.mss"},
	{path: "audit.asn_db"},
	{path: "audit.routes_every"},
	{path: "http.config_file"},
	{path: "control"},
}

// askForUnbuilt returns the paths in c that ask for what this version lacks.
func askForUnbuilt(c *Config) map[string]bool {
	defaults := Default()
	was := make(map[string]reflect.Value)
	for _, l := range leaves(&defaults) {
		was[l.path] = l.value
	}
	is := make(map[string]reflect.Value)
	for _, l := range leaves(c) {
		is[l.path] = l.value
	}
	asked := make(map[string]bool)
	for _, u := range unbuilt {
		value := text(is[u.path])
		if value != text(was[u.path]) && (u.only == "" || u.only == value) {
			asked[u.path] = true
		}
	}
	return asked
}
