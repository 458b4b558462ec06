package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dovetail/internal/cli"
	"dovetail/internal/mailerr"

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

// waiting is standard input on which nothing comes.
type waiting struct {
	read chan struct{} // somebody reads
	end  chan struct{}
}

func (w waiting) Read([]byte) (int, error) {
	w.read <- struct{}{}
	<-w.end
	return 0, io.EOF
}

// A signal ends the wait for the message, and the MTA tries again.
func TestSignalWhileWaiting(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "dovetail.toml")
	text := fmt.Sprintf("[mail]\nfirst_valid_uid = 1\n[userdb]\ndriver = \"static\"\nuid = \"65534\"\ngid = \"65534\"\nhome = \"%s/%%n\"\nusers = [\"bob\"]\n[log]\nfile = \"%s/log\"\n", dir, dir)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	stdin := waiting{make(chan struct{}), make(chan struct{})}
	defer close(stdin.end)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-stdin.read; cancel() }()
	cmd := newCommand()
	cmd.SetIn(stdin)
	var stderr strings.Builder
	if status := cli.Run(ctx, cmd, []string{"-c", file, "-d", "bob"}, io.Discard, &stderr); status != mailerr.ExTempFail {
		t.Errorf("status %d, %s", status, stderr.String())
	}
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
