package e2e

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail"
	"dovetail/internal/peer"
)

// The mail locations that the tests use: the site's, and Dovecot's default.
const (
	siteLocation  = "maildir:~/.Maildir:LAYOUT=fs:INBOX=~/.Maildir/INBOX"
	plainLocation = "maildir:~/Maildir"
)

// patience bounds every wait for something that is bound to happen.
const patience = 2 * time.Minute

// site is a machine that runs dovetail: the folder of its users' homes, its
// configuration, its scripts and the learning program.
type site struct {
	t        *testing.T
	dir      string
	homes    string
	users    []peer.User
	location string
	socket   string // of LMTP
	learned  string // folder of the recording program

	// The configuration, written by write. Userdb is the table [userdb], extra
	// holds further lines by table ("" is the top level).
	userdb     string
	extra      map[string]string
	global     string // sieve_global_extensions
	extensions string // further sieve_extensions
	state      string // [state] url; "" is a file of the site
	noCreate   bool   // lda_mailbox_autocreate is off

	server *peer.Process
	log    string
}

// newSite makes the homes of the users and a configuration in which they are a
// passwd-file.
func newSite(t *testing.T, users []peer.User) *site {
	t.Helper()
	peer.Need(t, peer.Root)
	dir := peer.Dir(t)
	s := &site{t: t, dir: dir, users: users, location: siteLocation, global: "+editheader", extra: map[string]string{},
		socket: filepath.Join(dir, "lmtp"), log: filepath.Join(dir, "lmtpd.log"), learned: filepath.Join(dir, "learned")}
	s.homes = peer.Homes(t, filepath.Join(dir, "home"), users)
	s.passwdFile()
	s.recorder("sa-learn-spam.sh")
	s.recorder("sa-learn-ham.sh")
	return s
}

// withDovecot makes a site whose users are those of a running Dovecot, and share
// their homes and the mail in them.
func withDovecot(t *testing.T, d *peer.Dovecot, users []peer.User, location string) *site {
	t.Helper()
	s := newSite(t, nil)
	s.users, s.homes, s.location = users, d.Homes, location
	s.userdb = fmt.Sprintf("driver = \"passwd-file\"\npath = %q\n", filepath.Join(d.Dir, "users"))
	return s
}

// passwdFile writes the users as Dovecot's passwd-file.
func (s *site) passwdFile() {
	s.t.Helper()
	var list strings.Builder
	for _, u := range s.users {
		fmt.Fprintf(&list, "%s:{PLAIN}%s:%d:%d::%s::%s\n", u.Name, peer.Password, u.UID, u.GID, s.home(u.Name), u.Extra)
	}
	name := filepath.Join(s.dir, "users")
	s.file(name, list.String(), 0o644)
	s.userdb = fmt.Sprintf("driver = \"passwd-file\"\npath = %q\n", name)
}

func (s *site) home(user string) string { return filepath.Join(s.homes, user) }

// file writes a file of the site, with its directory.
func (s *site) file(name, text string, mode os.FileMode) {
	s.t.Helper()
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.WriteFile(name, []byte(text), mode)
	}
	if err == nil {
		err = os.Chmod(name, mode) // whatever the umask
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// recorder writes a pipe program that keeps each message that it is given,
// together with who ran it, and exits 1 while the file "fail" is there.
func (s *site) recorder(name string) {
	s.t.Helper()
	text := fmt.Sprintf(`#!/bin/sh
file=$(mktemp %[1]s/%[2]s.XXXXXX) || exit 75
echo "uid=$(id -u) gid=$(id -g) groups=$(id -G) USER=$USER HOME=$HOME SENDER=$SENDER RECIPIENT=$RECIPIENT args=$*" >"$file"
cat >>"$file"
if [ -e %[1]s/fail ]; then echo 'cannot learn' >&2; exit 1; fi
`, s.learned, name)
	s.file(filepath.Join(s.dir, "bin", name), text, 0o755)
	if err := os.MkdirAll(s.learned, 0o777); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(s.learned, 0o1777); err != nil {
		s.t.Fatal(err)
	}
}

// runs returns what a recorder has kept, one text for each run.
func (s *site) runs(name string) []string {
	s.t.Helper()
	return readAll(s.t, filepath.Join(s.learned, name+".*"))
}

// siteScripts puts the site's marking script into sieve_before, as it is.
func (s *site) siteScripts() {
	s.t.Helper()
	s.file(filepath.Join(s.dir, "sieve.d/20_rien-mark.sieve"), testdata(s.t, "site/20_rien-mark.sieve"), 0o644)
}

// testdata is a file of the folder testdata.
func testdata(t *testing.T, name string) string {
	t.Helper()
	text, err := dovetail.Testdata.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// script gives users a script of their own.
func (s *site) script(text string, users ...string) {
	s.t.Helper()
	for _, u := range s.users {
		for _, name := range users {
			if u.Name == name {
				peer.WriteFile(s.t, filepath.Join(s.home(name), ".dovecot.sieve"), text, u)
			}
		}
	}
}

// config is the path of the configuration file.
func (s *site) config() string { return filepath.Join(s.dir, "dovetail.toml") }

// write writes the configuration, which is the site's of the issue but for paths.
func (s *site) write() {
	s.t.Helper()
	s.file(s.config(), fmt.Sprintf(`auth_username_format = "%%n"
recipient_delimiter = "+"
postmaster_address = "postmaster@example.org"
hostname = "mail.example.org"
%[1]s
[mail]
mail_location = %[2]q
lda_mailbox_autocreate = %[10]t
%[3]s
[lmtp]
listen = ["unix:%[4]s"]
lmtp_save_to_detail_mailbox = false
lmtp_rcpt_check_quota = false
lmtp_add_received_header = false
%[5]s
[userdb]
%[6]s
[sieve]
sieve = "~/.dovecot.sieve"
sieve_before = ["%[7]s/sieve.d"]
sieve_global_extensions = %[11]q
sieve_extensions = "+vnd.dovecot.pipe +vnd.dovecot.environment %[14]s"
sieve_pipe_bin_dir = "%[7]s/bin"
%[8]s
[submission]
%[9]s
[learn]
%[13]s
[state]
url = %[12]q
`, s.extra[""], s.location, s.extra["mail"], s.socket, s.extra["lmtp"], s.userdb, s.dir, s.extra["sieve"], s.extra["submission"],
		!s.noCreate, s.global, cmp.Or(s.state, "sqlite:"+s.dir+"/state.db"), s.extra["learn"], s.extensions), 0o644)
}

// start writes the configuration, starts dovetail-lmtpd and waits until it answers.
func (s *site) start(args ...string) {
	s.t.Helper()
	s.write()
	s.server = peer.StartProcess(s.t, s.log, binary("dovetail-lmtpd"), append([]string{"-c", s.config()}, args...)...)
	s.server.WaitReady(s.t, peer.Greets("unix", s.socket, "220 "))
}

// lmtp is the address of the server, for clients.
func (s *site) lmtp() string { return "unix:" + s.socket }

// deliver delivers one message to one user by LMTP and returns the answer.
func (s *site) deliver(user, message string) error {
	s.t.Helper()
	return peer.DeliverLMTP(s.t, s.lmtp(), "a@example.net", []string{user + "@example.org"}, message)[0]
}

// logged waits until the log holds text.
func (s *site) logged(text string) {
	s.t.Helper()
	s.server.Says(s.t, text, 1, patience)
}

// reload sends SIGHUP.
func (s *site) reload() { s.server.Signal(s.t, syscall.SIGHUP) }

// eventually waits until done.
func (s *site) eventually(what string, done func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited %v for %s\n%s", patience, what, s.server.Output(s.t))
		}
	}
}
