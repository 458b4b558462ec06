package setup

import (
	"slices"
	"strings"
	"testing"

	"dovetail/internal/config"
)

// Each back end is built from the defaults, and exec from a program.
func TestBackends(t *testing.T) {
	c := config.Defaults()
	c.Learn.Backends = []string{"exec", "rspamd", "builtin", "spamd", "bogofilter"}
	c.Learn.Exec.Spam = []string{"/bin/true", "%u"}
	m := &Memory{}
	defer m.Close()
	backends, err := m.Backends(c, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range backends {
		names = append(names, b.Name())
	}
	if !slices.Equal(names, c.Learn.Backends) {
		t.Errorf("built %v, want %v", names, c.Learn.Backends)
	}
}

func TestBackendsErrors(t *testing.T) {
	for want, change := range map[string]func(*config.Learn){
		"no back end nosuch": func(l *config.Learn) { l.Backends = []string{"nosuch"} },
		"unix:PATH":          func(l *config.Learn) { l.Backends, l.Rspamd.URL = []string{"rspamd"}, "x" },
		"%y":                 func(l *config.Learn) { l.Backends, l.Spamd.User = []string{"spamd"}, "%y" },
		"no program":         func(l *config.Learn) { l.Backends = []string{"exec"} },
	} {
		c := config.Defaults()
		change(&c.Learn)
		if _, err := (&Memory{}).Backends(c, 0); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "learn.backends[0]") {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
