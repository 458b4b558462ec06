package svtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"dovetail/internal/peer"
)

// pigeonholeSuite is the directory of Pigeonhole's own test files.
func pigeonholeSuite(t *testing.T) string {
	if dir := os.Getenv("DOVETAIL_PIGEONHOLE_SUITE"); dir != "" {
		return dir
	}
	peer.Need(t, peer.Pigeonhole)
	return peer.PigeonholeSuite()
}

// What Pigeonhole 0.5.19 has. Of 695 test blocks 6 stand in an "if false", and one
// is in a file that must not compile (failures/mailbox-bad-utf8).
const (
	pigeonholeFiles = 147
	pigeonholeTests = 688
)

// TestPigeonholeSuite runs every file of Pigeonhole's test suite. Each must pass,
// and all its tests must have run: a file that ends early passes with fewer.
func TestPigeonholeSuite(t *testing.T) {
	dir := pigeonholeSuite(t)
	var passed, tests atomic.Int32
	files := svtests(t, dir)
	t.Run("files", func(t *testing.T) {
		for _, name := range files {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				// Of the suite's programs one needs 2 s of its 3 s, and one would need 10 s of 1 s.
				r, err := Run(t.Context(), filepath.Join(dir, name), Options{ExpectFailure: strings.HasPrefix(name, "failures/"), Patience: 4})
				if err != nil {
					t.Fatal(err)
				}
				tests.Add(int32(len(r.Tests)))
				if !r.Passed() {
					t.Error(text(t, r))
					return
				}
				passed.Add(1)
			})
		}
	})
	if len(files) != pigeonholeFiles || tests.Load() != pigeonholeTests {
		t.Errorf("%d files with %d tests, want %d with %d", len(files), tests.Load(), pigeonholeFiles, pigeonholeTests)
	}
	t.Logf("Pigeonhole's suite: %d of %d files pass, %d tests ran", passed.Load(), len(files), tests.Load())
}

// text gives what the runner prints of a report.
func text(t *testing.T, r *Report) string {
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// svtests gives the test files below dir, by their paths in it.
func svtests(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".svtest") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no test files in %s", dir)
	}
	slices.Sort(files)
	return files
}

// TestOwnFiles runs our own test files: for each extension what Pigeonhole's
// suite leaves open.
func TestOwnFiles(t *testing.T) {
	const dir = "../../testdata/svtest"
	for _, name := range svtests(t, dir) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), filepath.Join(dir, name), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Passed() || len(r.Tests) == 0 {
				t.Error(text(t, r))
			}
		})
	}
}
