package config

import (
	"testing"

	"dovetail/internal/userdb/expand"
)

func TestScriptFolder(t *testing.T) {
	for _, tt := range []struct{ script, dir, want string }{
		{"~/.dovecot.sieve", "", "~/sieve"},
		{"~/.dovecot.sieve", "/srv/sieve/%n", "/srv/sieve/anna"},
		{"file:~/scripts;active=~/.dovecot.sieve", "", "~/scripts"},
		{"file:~/scripts;name=x;active=~/.dovecot.sieve", "/srv/sieve", "~/scripts"},
		{"", "%{", ""},
	} {
		s := &Sieve{Script: tt.script, Other: map[string]string{"sieve_dir": tt.dir}}
		got, f := "", s.ScriptFolder()
		if f != nil {
			var err error
			if got, err = f.Path(&expand.Vars{User: "anna"}, ""); err != nil {
				t.Fatal(err)
			}
		}
		if got != tt.want {
			t.Errorf("%q, sieve_dir %q: %q, want %q", tt.script, tt.dir, got, tt.want)
		}
	}
}

func TestGlobalFolder(t *testing.T) {
	for _, tt := range []struct{ global, dir, want string }{
		{"", "", ""}, {"/a", "/b", "/a"}, {"", "/b", "/b"}, {"file:/a", "", "/a"}, {"dict:file:/a", "", ""},
	} {
		s := &Sieve{Other: map[string]string{"sieve_global": tt.global, "sieve_global_dir": tt.dir}}
		if got := s.GlobalFolder(); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
