package sieve

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	f := Folders{Personal: filepath.Join(dir, "p"), Global: filepath.Join(dir, "g")}
	for at, text := range map[string]string{f.Personal: "keep;", f.Global: "discard;"} {
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "a.sieve"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for at, want := range map[Location]string{Personal: "keep;", Global: "discard;"} {
		file, got, err := f.Script(at, "a")
		if string(got) != want || err != nil || filepath.Base(file) != "a.sieve" {
			t.Errorf("%s: %s, %q, %v", at, file, got, err)
		}
		if _, _, err := f.Script(at, "b"); !errors.Is(err, ErrNoScript) {
			t.Errorf("%s: %v", at, err)
		}
		if _, _, err := (Folders{}).Script(at, "a"); !errors.Is(err, ErrNoScript) {
			t.Errorf("no folder, %s: %v", at, err)
		}
	}
	if _, _, err := (Folders{Personal: filepath.Join(f.Personal, "a.sieve")}).Script(Personal, "b"); !errors.Is(err, ErrNoScript) {
		t.Errorf("a file as the folder: %v", err)
	}
	for name, make := range map[string]func(path string) error{
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"dir":    func(path string) error { return os.Mkdir(path, 0o755) },
		"large": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, maxFile+1))
		},
	} {
		if err := make(filepath.Join(f.Personal, name+".sieve")); err != nil {
			t.Fatal(err)
		}
		if _, src, err := f.Script(Personal, name); err == nil || errors.Is(err, ErrNoScript) {
			t.Errorf("%s: %d bytes, %v", name, len(src), err)
		}
	}
}
