package maildir

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func mustMakeDirs(t *testing.T, root string, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func mustWrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// inHome makes a store in a new home, Maildir++ unless change says otherwise.
func inHome(t *testing.T, change func(*Options)) (s *Store, home string) {
	t.Helper()
	home = t.TempDir()
	o := Options{
		Location: Location{Root: "~/Maildir", Layout: MaildirPlusPlus}, Home: home, Separator: "/",
		LockTimeout: 2 * time.Minute,
	}
	if change != nil {
		change(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, home
}
