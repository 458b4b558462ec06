package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dovetail": main})
}

// The scripts in testdata run the program as a user would. UPDATE_SCRIPTS=1 in the
// environment writes what they now print into them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true, UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "", Setup: mailUser, Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"status": status,
	}})
}

// mailUser sets $MAILUID to a user that mail can belong to, who can read $WORK.
func mailUser(env *testscript.Env) error {
	uid := os.Geteuid()
	if uid == 0 {
		uid = 12345
	}
	env.Setenv("MAILUID", strconv.Itoa(uid))
	return errors.Join(os.Chmod(filepath.Dir(env.WorkDir), 0o755), os.Chmod(env.WorkDir, 0o755))
}

// status N COMMAND ARG... runs a command that must end with status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = exitStatus(err)
	}
	if got != args[0] {
		ts.Fatalf("%v: status %s, want %s", args[1:], got, args[0])
	}
}

// exitStatus is the exit status that a failed command ended with.
func exitStatus(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}
