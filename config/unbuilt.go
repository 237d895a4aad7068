package config

// unbuilt lists the keys whose feature this version lacks. Only their default
// passes; anything else is refused, because a key that is read and then not
// heeded is worse than none. When a feature is built, its lines go.
var unbuilt = []string{
	"http.config_file",
}

// askForUnbuilt returns the paths in c that ask for what this version lacks.
func askForUnbuilt(c *Config) map[string]bool {
	defaults := Default()
	differ := make(map[string]bool)
	for _, d := range differences(&defaults, c) {
		differ[d.new.path] = true
	}
	asked := make(map[string]bool)
	for _, path := range unbuilt {
		if differ[path] {
			asked[path] = true
		}
	}
	return asked
}
