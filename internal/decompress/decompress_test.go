package decompress_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"dovetail/internal/decompress"
)

func gz(t *testing.T, text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpen(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	text := []byte(strings.Repeat("Some text. ", 10000))
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := gz(t, text)
	for name, c := range map[string]struct {
		file, want []byte
		broken     bool
	}{
		"plain": {text, text, false}, "empty": {nil, nil, false}, "short": {[]byte("BZ"), []byte("BZ"), false},
		"gzip": {packed, text, false}, "zstd": {w.EncodeAll(text, nil), text, false}, "cut": {packed[:len(packed)-4], text, true},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := decompress.Open(file)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := io.ReadAll(io.NewSectionReader(opened, 0, opened.Size))
		if err != nil || !bytes.Equal(got, c.want) || (opened.Broken != nil) != c.broken {
			t.Errorf("%s: %d bytes, %v, broken: %v", name, len(got), err, opened.Broken)
		}
		if err := errors.Join(opened.Close(), file.Close()); err != nil {
			t.Error(name, err)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Where the text has no room, nobody takes the file for broken.
func TestNoRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	t.Setenv("TMPDIR", "/nonexistent")
	if err := os.WriteFile(path, gz(t, []byte("text")), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := decompress.Open(file); err == nil || !strings.Contains(err.Error(), "/nonexistent") {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	for _, magic := range []string{"\xfd7zXZ\x00", "\x04\x22\x4d\x18"} {
		if _, err := decompress.Reader(strings.NewReader(magic)); err == nil {
			t.Errorf("%q was taken", magic)
		}
	}
}
