package userdb_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dovetail/internal/userdb"
)

// A file that is changed again while it is read, within a tick of the file system's
// clock, is read again, however long the reading takes.
func TestFileChangesWhileItIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	var at time.Time // of all changes
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	for young := false; !young; {
		f := &userdb.File[string]{Path: path, Parse: func(r io.Reader) (string, error) {
			text, err := io.ReadAll(r)
			if string(text) == "one" {
				young = time.Now().Before(at) // else this machine was too slow
				write("two")
				time.Sleep(time.Until(at.Add(100 * time.Millisecond)))
			}
			return string(text), err
		}}
		at = time.Now().Add(300 * time.Millisecond)
		write("one")
		if text, _, err := f.Get(); text != "one" || err != nil {
			t.Fatalf("%q, %v", text, err)
		}
		if text, _, err := f.Get(); young && text != "two" || err != nil {
			t.Errorf("after the change: %q, %v", text, err)
		}
	}
}
