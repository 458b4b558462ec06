package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"dovetail/internal/config"
	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
)

func TestExitStatus(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		err    error
		status int
		stderr string
	}{
		{"done", []string{"sub"}, nil, 0, ""},
		{"unclassified", []string{"sub"}, errors.New("boom"), mailerr.ExTempFail, "prog: boom\n"},
		{"no user", []string{"sub"}, fmt.Errorf("asking: %w", userdb.Unknown("bob")), mailerr.ExNoUser, "prog: asking: <bob> User doesn't exist: bob\n"},
		{"usage by the command", []string{"sub"}, Usage(errors.New("no")), mailerr.ExUsage, "prog: no\n"},
		{"several lines", []string{"sub"}, config.Errors{{Origin: "f:1", Key: "a", Msg: "x"}, {Origin: "f:2", Msg: "y"}}, mailerr.ExTempFail, "prog: f:1: a: x\nprog: f:2: y\n"},
		{"a name that steers the terminal", []string{"sub"}, errors.New("open /home/a/\x1b[31m\r\u202eb: no"), mailerr.ExTempFail, "prog: open /home/a/ [31m  b: no\n"},
		{"unknown command", []string{"nosuch"}, nil, mailerr.ExUsage, "prog: unknown command \"nosuch\" for \"prog\"\nTry 'prog --help'.\n"},
		{"unknown flag", []string{"sub", "--nosuch"}, nil, mailerr.ExUsage, "prog: unknown flag: --nosuch\nTry 'prog sub --help'.\n"},
		{"too many arguments", []string{"sub", "a"}, nil, mailerr.ExUsage, "prog: unknown command \"a\" for \"prog sub\"\nTry 'prog sub --help'.\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := &cobra.Command{Use: "prog"}
			root.AddCommand(&cobra.Command{Use: "sub", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return tt.err }})
			var stdout, stderr bytes.Buffer
			status := Run(t.Context(), root, tt.args, &stdout, &stderr)
			if status != tt.status || stderr.String() != tt.stderr || stdout.Len() > 0 {
				t.Errorf("got %d, %q, %q", status, &stderr, &stdout)
			}
		})
	}
}

// The flags reach the configuration, those of the program itself last.
func TestFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte("hostname = 'a'\n[lmtp]\nlisten = 'unix:/x'"), 0o600); err != nil {
		t.Fatal(err)
	}
	var c *config.Config
	flags := &Flags{}
	root := &cobra.Command{Use: "prog", RunE: func(*cobra.Command, []string) (err error) {
		c, err = flags.Load(config.Override{Key: "lmtp.listen", Values: []string{"unix:/y"}, Origin: "flag --listen"})
		return err
	}}
	flags.Add(root)
	args := []string{"-c", file, "-o", "hostname=b", "-o", "lmtp.listen=unix:/z", "-o", "learn.backends=spamd", "--option", "learn.backends=bogofilter"}
	if status := Run(t.Context(), root, args, os.Stdout, os.Stderr); status != 0 {
		t.Fatal(status)
	}
	if c.Hostname != "b" || strings.Join(c.LMTP.Listen, " ") != "unix:/y" || strings.Join(c.Learn.Backends, " ") != "spamd bogofilter" || c.Origin("lmtp.listen") != "flag --listen" {
		t.Errorf("got %+v", c)
	}
}

func TestLogger(t *testing.T) {
	var stderr bytes.Buffer
	log, _, err := Logger(config.Log{Level: "warn", Format: "text"}, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("not this")
	log.Warn("this", "user", "bob")
	if got := stderr.String(); strings.Contains(got, "not this") || !strings.Contains(got, "level=WARN msg=this user=bob") {
		t.Errorf("got %q", got)
	}
	file := filepath.Join(t.TempDir(), "log")
	for range 2 { // it is appended to
		log, closer, err := Logger(config.Log{Level: "debug", Format: "json", File: file}, &stderr)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("x")
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), `"level":"DEBUG","msg":"x"}`) != 2 {
		t.Errorf("got %q, %v", text, err)
	}
	for _, c := range []config.Log{{Level: "info", File: "/nonexistent/log"}, {Level: "loud"}} {
		if _, _, err := Logger(c, &stderr); err == nil {
			t.Errorf("%+v gave no error", c)
		}
	}
}

// Each driver that the configuration may name is built.
func TestUsers(t *testing.T) {
	dir := t.TempDir()
	users := filepath.Join(dir, "users")
	if err := os.WriteFile(users, []byte("bob::1000:1000::/b::\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := defaults(t)
	for _, tt := range []struct {
		userdb config.Userdb
		name   string
		home   string // empty: a fault
	}{
		{config.Userdb{Driver: "static", UID: "1000", GID: "1000", Home: "/srv/%n"}, "bob", "/srv/bob"},
		{config.Userdb{Driver: "passwd"}, "root", "/root"},
		{config.Userdb{Driver: "passwd-file", Path: users}, "bob", "/b"},
		{config.Userdb{Driver: "dovecot", Socket: filepath.Join(dir, "nosuch"), UID: "1000", GID: "1000", Home: "/srv/%n"}, "bob", ""},
	} {
		root.Userdb, root.Mail.FirstValidUID = tt.userdb, 0
		resolver, err := Resolver(root, "lmtp")
		if err != nil {
			t.Errorf("%s: %v", tt.userdb.Driver, err)
			continue
		}
		rcpt, err := resolver.Resolve(context.Background(), tt.name+"+x@example.org")
		switch {
		case tt.home == "" && (err == nil || mailerr.IsPermanent(err)):
			t.Errorf("%s: got %v", tt.userdb.Driver, err)
		case tt.home != "" && (err != nil || rcpt.User.Home != tt.home || rcpt.Detail != "x" || rcpt.Location != "maildir:~/Maildir"):
			t.Errorf("%s: got %+v, %v", tt.userdb.Driver, rcpt, err)
		}
	}
	for _, wrong := range []config.Userdb{{UID: "nosuch"}, {GID: "nosuch"}, {Home: "%y"}} {
		root.Userdb = wrong
		root.Userdb.Driver = "dovecot"
		if _, err := Resolver(root, "lmtp"); mailerr.ExitCode(err) != mailerr.ExConfig {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	root.Userdb = config.Userdb{Driver: "ldap"}
	if _, err := Resolver(root, "lmtp"); mailerr.ExitCode(err) != mailerr.ExConfig {
		t.Errorf("got %v", err)
	}
}

// defaults is the configuration without a file, for names without a domain.
func defaults(t *testing.T) *config.Config {
	t.Helper()
	c := config.Defaults()
	c.AuthUsernameFormat = "%Ln"
	return c
}

func TestStores(t *testing.T) {
	c := defaults(t)
	stores, err := Stores(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if _, err := stores(&userdb.User{Name: "bob", Home: home}, "maildir:~/Maildir"); err != nil {
		t.Error(err)
	}
	for want, u := range map[string]*userdb.User{
		"mail of bob: ":             {Name: "bob", Home: home, Fields: map[string]string{"mail_driver": "mdbox"}},
		`quota of bob: quota rule`:  {Name: "bob", Home: home, QuotaRules: []string{"nonsense"}},
		"needs a home directory":    {Name: "bob"},
		`driver "mbox" is not supp`: nil,
	} {
		location := "maildir:~/Maildir"
		if u == nil {
			u, location = &userdb.User{Name: "bob", Home: home}, "mbox:~/x"
		}
		if _, err := stores(u, location); err == nil || mailerr.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	l, err := Location(&userdb.User{Fields: map[string]string{"mail_path": "/m", "mail_inbox_path": "in"}}, "maildir:~/Maildir:LAYOUT=fs")
	if err != nil || l.Root != "/m" || l.Inbox != "/m/in" || l.Layout != "fs" {
		t.Errorf("got %+v, %v", l, err)
	}
	c.Mail.QuotaRules = []string{"nonsense"}
	if _, err := Stores(c, nil, nil); mailerr.ExitCode(err) != mailerr.ExConfig {
		t.Errorf("got %v", err)
	}
}

func TestUserScript(t *testing.T) {
	tests := []struct {
		setting string
		user    userdb.User
		want    string
	}{
		{"file:~/sieve;active=~/.dovecot.sieve", userdb.User{Name: "bob", Home: "/h"}, "/h/.dovecot.sieve"},
		{"~/.dovecot.sieve", userdb.User{Name: "bob"}, ""},
		{"/srv/sieve/%d/%n.sieve", userdb.User{Name: "bob@example.org"}, "/srv/sieve/example.org/bob.sieve"},
		{"/srv/sieve/%u.sieve", userdb.User{Name: "../bob"}, ""},
		{"%h/x.sieve", userdb.User{Name: "bob", Home: "/h"}, "/h/x.sieve"},
		{"~/a", userdb.User{Name: "bob", Home: "/h", Fields: map[string]string{"sieve": "~/own.sieve"}}, "/h/own.sieve"},
		{"", userdb.User{Name: "bob", Home: "/h"}, ""},
	}
	for _, tt := range tests {
		if got := UserScript(&config.Config{Sieve: config.Sieve{Script: tt.setting}})(&tt.user); got != tt.want {
			t.Errorf("%s for %v: got %q, want %q", tt.setting, &tt.user, got, tt.want)
		}
	}
}

func TestPersonalScripts(t *testing.T) {
	tests := []struct {
		setting string
		user    userdb.User
		want    string
	}{
		{"file:~/scripts;active=~/.dovecot.sieve", userdb.User{Name: "bob", Home: "/h"}, "/h/scripts"},
		{"~/.dovecot.sieve", userdb.User{Name: "bob", Home: "/h"}, "/h/sieve"},
		{"~/.dovecot.sieve", userdb.User{Name: "bob"}, ""},
		{"~/a", userdb.User{Name: "bob", Home: "/h", Fields: map[string]string{"sieve": "~/own;active=~/x"}}, "/h/own"},
		{"~/a", userdb.User{Name: "bob", Home: "/h", Fields: map[string]string{"sieve": "~/x.sieve"}}, "/h/sieve"},
	}
	for _, tt := range tests {
		if got := PersonalScripts(&config.Config{Sieve: config.Sieve{Script: tt.setting}})(&tt.user); got != tt.want {
			t.Errorf("%s for %v: got %q, want %q", tt.setting, &tt.user, got, tt.want)
		}
	}
}
