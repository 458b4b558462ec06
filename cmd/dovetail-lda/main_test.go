package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){name: main})
}

// The scripts in testdata run the program as an MTA would. Users live below
// $HOMES and belong to us, or to nobody when we are root.
func TestScripts(t *testing.T) {
	root := t.TempDir()
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil { // the users must get to their homes
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true, WorkdirRoot: root,
		Setup: setUp,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"status": status},
		Condition: func(cond string) (bool, error) {
			if cond != "root" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return os.Geteuid() == 0, nil
		},
	})
}

func setUp(env *testscript.Env) error {
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = 65534, 65534
	}
	homes := filepath.Join(env.WorkDir, "homes")
	env.Setenv("HOMES", homes)
	env.Setenv("DOVETAIL_CONFIG", filepath.Join(env.WorkDir, "dovetail.toml"))
	for _, user := range []string{"bob", "carol"} {
		dir := filepath.Join(homes, user)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chown(dir, uid, gid)); err != nil {
			return err
		}
	}
	// No home can be made for a user who has none.
	if err := os.Chmod(homes, 0o555); err != nil {
		return err
	}
	env.Defer(func() { os.Chmod(homes, 0o755) })
	return os.WriteFile(filepath.Join(env.WorkDir, "dovetail.toml"), fmt.Appendf(nil, `
hostname = "mx.example.org"
auth_username_format = "%%n"
[mail]
first_valid_uid = 1
lda_mailbox_autocreate = true
lda_original_recipient_header = "X-Original-To"
[userdb]
driver = "static"
uid = "%d"
gid = "%d"
home = "%s/%%n"
users = ["bob", "carol", "homeless"]
[sieve]
sieve = "~/.dovecot.sieve"
[submission]
sendmail = ""
[log]
file = "%s/log"
`, uid, gid, homes, env.WorkDir), 0o644)
}

// status N COMMAND ARG... runs a command that must end with status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v: %v", args[1:], err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("%v: status %d, want %s", args[1:], got, args[0])
	}
}
