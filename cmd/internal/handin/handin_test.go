package handin

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"dovetail/learn"
	"dovetail/learn/queue"
)

func TestMain(m *testing.M) {
	program := func(class learn.Class) func() { return func() { os.Exit(Main(class)) } }
	testscript.Main(m, map[string]func(){"learn-spam": program(learn.Spam), "learn-ham": program(learn.Ham)})
}

// The scripts in testdata run the programs as Sieve's pipe does. The queue is
// $QUEUE.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true, Setup: setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "lessons": lessons},
	})
}

func setUp(env *testscript.Env) error {
	dir := filepath.Join(env.WorkDir, "queue")
	env.Setenv("QUEUE", dir)
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("DOVETAIL_CONFIG", filepath.Join(env.WorkDir, "dovetail.toml"))
	return errors.Join(queue.Make(dir, queue.ModeShared), os.Mkdir(filepath.Join(env.WorkDir, "home"), 0o700),
		os.WriteFile(filepath.Join(env.WorkDir, "dovetail.toml"), []byte("[learn]\nqueue_dir = '"+dir+"'\nmin_size = 5\nmax_size = '1M'\n"), 0o600))
}

// status N COMMAND ARG... runs a command that must end with status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARG...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("status %d, wanted %s", got, args[0])
	}
}

// lessons N [FILE] counts the lessons in the queue, has the last one copied into
// the file, and takes all off the queue.
func lessons(ts *testscript.TestScript, neg bool, args []string) {
	files, err := os.ReadDir(ts.Getenv("QUEUE"))
	ts.Check(err)
	if neg || len(args) == 0 || strconv.Itoa(len(files)) != args[0] {
		ts.Fatalf("in the queue: %v", files)
	}
	for _, f := range files {
		path := filepath.Join(ts.Getenv("QUEUE"), f.Name())
		content, err := os.ReadFile(path)
		ts.Check(err)
		if len(args) > 1 {
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), content, 0o600))
		}
		ts.Check(os.Remove(path))
	}
}
