package dovetail_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// `make install` puts programs where Sieve's pipe looks for them, also by the names
// of the shell scripts that they replace.
func TestInstall(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	// A tree with the Makefile and programs that need no build.
	dir := t.TempDir()
	files := map[string]string{"Makefile": string(makefile)}
	for _, program := range []string{"dovetail", "learn-spam", "learn-ham"} {
		files["cmd/"+program+"/main.go"], files["bin/"+program] = "", program
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dest := filepath.Join(dir, "dest dir")
	cmd := exec.Command("make", "-s", "-o", "build", "install", "DESTDIR="+dest, "PREFIX=/usr")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []string
	err = filepath.WalkDir(dest, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			text, _ := os.ReadFile(path)
			got = append(got, strings.TrimPrefix(path, dest)+" "+string(text))
		}
		return err
	})
	want := []string{"/usr/bin/dovetail dovetail", "/usr/bin/learn-ham learn-ham", "/usr/bin/learn-spam learn-spam",
		"/usr/lib/dovecot/learn-ham learn-ham", "/usr/lib/dovecot/learn-spam learn-spam",
		"/usr/lib/dovecot/sa-learn-ham.sh learn-ham", "/usr/lib/dovecot/sa-learn-spam.sh learn-spam"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("installed %q, %v; wanted %q", got, err, want)
	}
}
