package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"dovetail/internal/state"
	"dovetail/internal/state/statetest"
)

func open(t *testing.T, path string, now func() time.Time) state.Store {
	t.Helper()
	s, err := Open(path, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	statetest.Suite(t, func(t *testing.T, now func() time.Time) (state.Store, func() state.Store) {
		path := filepath.Join(t.TempDir(), "new folder", "state %3F#?.db")
		more := func() state.Store { return open(t, path, now) }
		return more(), more
	})
}

func TestOneFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "state.db"), time.Now)
	if _, err := s.Claim(t.Context(), statetest.Key("x"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "state.db" {
		t.Fatalf("files %v, %v", files, err)
	}
	if info, err := files[0].Info(); err != nil || info.Mode().Perm()&0o7 != 0 {
		t.Errorf("everybody may look into it: %v, %v", info.Mode(), err)
	}
}

// What cannot be opened is an error of each use, until it can.
func TestBroken(t *testing.T) {
	if _, err := Open("", time.Now); err == nil {
		t.Error("no file, no error")
	}
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, time.Now)
	defer s.Close()
	if won, err := s.Claim(t.Context(), statetest.Key("x"), time.Hour); won || err == nil {
		t.Errorf("claimed in a directory: %v, %v", won, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if won, err := s.Claim(t.Context(), statetest.Key("x"), time.Hour); !won || err != nil {
		t.Errorf("after it was mended: %v, %v", won, err)
	}
	if err := os.WriteFile(path+"2", []byte("this is no database, whatever its name says"), 0o600); err != nil {
		t.Fatal(err)
	}
	s2 := open(t, path+"2", time.Now)
	defer s2.Close()
	if _, err := s2.Seen(t.Context(), statetest.Key("x")); err == nil {
		t.Error("no error for a file that is no database")
	}
}

// claimer names the file for the process that TestKill kills.
const claimer = "DOVETAIL_TEST_CLAIMER"

// TestMain is that process: it claims keys one after the other, and tells of
// each that it has won. As long as a claim took it leaves the database to the other
// process, which would come to its turn by luck only: SQLite looks every 100 ms.
func TestMain(m *testing.M) {
	path := os.Getenv(claimer)
	if path == "" {
		os.Exit(m.Run())
	}
	s, err := Open(path, time.Now)
	for i := 0; err == nil; i++ {
		key := statetest.Key(fmt.Sprint(os.Args[len(os.Args)-1], i))
		began := time.Now()
		var won bool
		if won, err = s.Claim(context.Background(), key, time.Hour); err == nil && won {
			fmt.Println(i)
		}
		time.Sleep(time.Since(began))
	}
	fmt.Println("error:", err)
	os.Exit(1)
}

// TestKill kills two processes in the midst of their claims: whatever they told
// is remembered, and the file is sound.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	last := map[string]int{}
	for round := range 3 {
		var procs []*exec.Cmd
		for _, name := range []string{"a", "b"} {
			name += fmt.Sprint(round, "-")
			p := exec.Command(os.Args[0], name)
			p.Env = append(os.Environ(), claimer+"="+path)
			out, err := p.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			procs = append(procs, p)
			lines := bufio.NewScanner(out)
			last[name] = -1
			for range 20 {
				if !lines.Scan() {
					t.Fatal("it ended")
				}
				if _, err := fmt.Sscan(lines.Text(), new(int)); err != nil {
					t.Fatalf("it says %q", lines.Text())
				}
				last[name]++
			}
		}
		for _, p := range procs {
			if err := p.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = p.Wait()
		}
	}
	s := open(t, path, time.Now)
	defer s.Close()
	for name, n := range last {
		for i := range n + 1 {
			if seen, err := s.Seen(t.Context(), statetest.Key(fmt.Sprint(name, i))); err != nil || !seen {
				t.Errorf("%s%d was forgotten (%v)", name, i, err)
			}
		}
	}
}
