package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"dovetail/internal/peer"
)

// target is a kind of server that can be measured.
type target interface {
	name() string
	// start starts one that serves the users of peer.OneUID with scripts; the
	// socket takes LMTP. It stops with the T.
	start(t peer.T, s setup) (process *peer.Process, socket string)
}

// setup is what all servers of a case are given.
type setup struct {
	users    []peer.User
	sieve    bool
	before   string // directory of the site's scripts, "" for none
	personal func(user string) string
	pipeDir  string // programs of pipe
}

func newTarget(name, program string) (target, error) {
	switch name {
	case "dovecot":
		return dovecot{}, nil
	case "dovetail":
		if _, err := os.Stat(program); err != nil {
			return nil, fmt.Errorf("dovetail: %w (make build, or -target dovecot)", err)
		}
		return dovetail{program}, nil
	}
	return nil, fmt.Errorf("-target %s: wanted dovecot or dovetail", name)
}

// newSetup writes the scripts of a case: those of testdata/site, as they are.
// Only where the case leaves the learning program out, its line is removed.
func newSetup(t peer.T, c benchCase) setup {
	s := setup{users: peer.OneUID(users)}
	if c.scripts == noSieve {
		return s
	}
	s.sieve = true
	switch c.scripts {
	case oneRule:
		s.personal = func(user string) string { return ruleScript(user, 1) }
		return s
	case manyRules:
		s.personal = func(user string) string { return ruleScript(user, compileRules) }
		return s
	}
	dir := peer.Dir(t)
	s.before, s.pipeDir = filepath.Join(dir, "sieve.d"), filepath.Join(dir, "bin")
	personal := readScript(t, "dovecot.sieve")
	s.personal = func(string) string { return personal }
	site := readScript(t, "20_rien-mark.sieve")
	if c.scripts != spamLearn {
		site = strings.Replace(site, `pipe :copy "sa-learn-spam.sh";`, "", 1)
	}
	for name, text := range map[string]string{
		filepath.Join(s.before, "20_rien-mark.sieve"): site,
		filepath.Join(s.pipeDir, "sa-learn-spam.sh"):  "#!/bin/sh\nexec cat >/dev/null\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatalf("%v", err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return s
}

func readScript(t peer.T, name string) string {
	text, err := os.ReadFile(filepath.Join("testdata/site", name))
	if err != nil {
		t.Fatalf("reading the site's scripts (run this in the root of the source tree): %v", err)
	}
	return string(text)
}

// writeScripts writes the users' scripts into their homes.
func (s setup) writeScripts(t peer.T, home func(user string) string) {
	for _, u := range s.users {
		if s.sieve {
			peer.WriteFile(t, filepath.Join(home(u.Name), ".dovecot.sieve"), s.personal(u.Name), u)
		}
	}
}

// quoted gives a TOML string, nothing for the empty one.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	return strconv.Quote(s)
}

type dovecot struct{}

func (dovecot) name() string { return "dovecot" }

func (dovecot) start(t peer.T, s setup) (*peer.Process, string) {
	d := peer.StartDovecot(t, peer.DovecotOptions{
		Users: s.users, Sieve: s.sieve, SieveBefore: s.before, PipeDir: s.pipeDir,
	})
	s.writeScripts(t, d.Home)
	return d.Process, d.LMTPSocket
}

type dovetail struct{ program string }

func (dovetail) name() string { return "dovetail" }

func (d dovetail) start(t peer.T, s setup) (*peer.Process, string) {
	dir := peer.Dir(t)
	home := peer.Homes(t, filepath.Join(dir, "home"), s.users)
	socket, config := filepath.Join(dir, "lmtp"), filepath.Join(dir, "dovetail.toml")
	text := fmt.Sprintf(`
auth_username_format = "%%n"
recipient_delimiter = "+"
[mail]
mail_location = "maildir:~/Maildir"
lda_mailbox_autocreate = true
[lmtp]
listen = ["unix:%s"]
lmtp_add_received_header = false
[userdb]
driver = "static"
uid = "%d"
gid = "%d"
home = "%s/%%n"
[state]
url = "sqlite:%s/state.db"
`, socket, peer.MailUID, peer.MailUID, home, dir)
	if s.sieve {
		s.writeScripts(t, func(user string) string { return filepath.Join(home, user) })
		text += fmt.Sprintf(`
[sieve]
sieve = "~/.dovecot.sieve"
sieve_before = [%s]
sieve_global_extensions = "+editheader"
sieve_extensions = "+vnd.dovecot.pipe +vnd.dovecot.environment"
sieve_pipe_bin_dir = "%s"
`, quoted(s.before), s.pipeDir)
	}
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatalf("%v", err)
	}
	p := peer.StartProcess(t, filepath.Join(dir, "lmtpd.log"), d.program, "-c", config)
	p.WaitReady(t, peer.Greets("unix", socket, "220 "))
	return p, socket
}
