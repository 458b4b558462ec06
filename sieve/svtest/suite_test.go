package svtest

import (
	"bufio"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// TestPigeonholeSuite runs every file of Pigeonhole's test suite. A file may
// stand in testdata/unfinished.txt with the capabilities that it waits for; a
// file that does not must pass, and one that has all it needs must leave the list.
func TestPigeonholeSuite(t *testing.T) {
	dir := pigeonholeSuite(t)
	unfinished := readUnfinished(t)
	waiting := len(unfinished)
	var mu sync.Mutex
	passed := 0
	files := svtests(t, dir)
	t.Run("files", func(t *testing.T) {
		for _, name := range files {
			waits, listed := unfinished[name]
			delete(unfinished, name)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r, err := Run(t.Context(), filepath.Join(dir, name), Options{ExpectFailure: strings.HasPrefix(name, "failures/")})
				if err != nil {
					t.Fatal(err)
				}
				switch needs := strings.Join(r.Needs(), " "); {
				case needs != waits && needs != "":
					t.Errorf("it needs %q, testdata/unfinished.txt says %q", needs, waits)
				case listed && needs == "":
					t.Error("testdata/unfinished.txt lists it, and everything that it needs is there")
				case listed:
				case !r.Passed():
					t.Error(text(t, r))
				default:
					mu.Lock()
					passed++
					mu.Unlock()
				}
			})
		}
	})
	for name := range maps.Keys(unfinished) {
		t.Errorf("testdata/unfinished.txt lists %s, which the suite has not", name)
	}
	t.Logf("Pigeonhole's suite: %d of %d files pass, %d wait for capabilities not built yet", passed, len(files), waiting)
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

// readUnfinished reads lines "FILE: CAPABILITY…".
func readUnfinished(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/unfinished.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			name, waits, _ := strings.Cut(line, ": ")
			list[name] = waits
		}
	}
	return list
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
