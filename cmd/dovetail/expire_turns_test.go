package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dovetail/internal/mailerr"
)

func openRun(t *testing.T, file string) *turns {
	t.Helper()
	run, err := openTurns(file)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// However a run ends, the next one begins with the first user who had no turn.
func TestTurns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "next")
	run := openRun(t, file)
	run.order([]string{"alexander", "bo", "carl", "dora"})
	run.done("carl") // of two users at once the second was faster
	run.done("alexander")
	run.file.Close() // as when the process is killed

	run = openRun(t, file)
	if got := run.order([]string{"alexander", "bo", "carl", "dora"}); !slices.Equal(got, []string{"bo", "carl", "dora", "alexander"}) {
		t.Errorf("after a kill it begins with %q", got)
	}
	run.done("bo")
	if err := run.close(); err != nil {
		t.Error(err)
	}
	run = openRun(t, file)
	if got := run.order([]string{"carl", "dora"}); got[0] != "carl" {
		t.Errorf("after a stop it begins with %q", got)
	}
	run.done("carl")
	run.done("dora")
	if err := run.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("all had their turn, and the file is left: %v", err)
	}
}

// A run does not begin while another one has the file, nor with a file that the other one
// has just removed.
func TestTurnsAreLocked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "next")
	first := openRun(t, file)
	if _, err := openTurns(file); !errors.Is(err, errUnderWay) || mailerr.ExitCode(err) != mailerr.ExTempFail {
		t.Errorf("the second one at a time: %v", err)
	}
	late, err := os.Open(file) // by one who locks it when the first one has removed it
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if !isAt(late, file) {
		t.Error("the file is not where it is")
	}
	if err := first.close(); err != nil {
		t.Error(err)
	}
	second := openRun(t, file)
	defer second.close()
	if isAt(late, file) {
		t.Error("a removed file is taken for the one that is there")
	}
}
