package script_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"dovetail/internal/peer"
	"dovetail/learn/script"
)

// The site's script for spam uses pipe and passes the name of the user; the one for
// ham is another one, with execute and the folders.
const reportHam = `require ["vnd.dovecot.execute", "imapsieve", "vnd.dovecot.imapsieve", "environment", "variables"];
if environment :matches "vnd.dovecot.mailbox-from" "*" { set "from" "${1}"; }
if environment :matches "vnd.dovecot.mailbox-to" "*" { set "to" "${1}"; }
execute :pipe "learn-ham" [ "--from=${from}", "--to=${to}", "--empty=${nothing}", "a	b" ];
`

const imapsieve23 = `
protocol imap {
  mail_plugins = $mail_plugins imap_sieve
}
plugin {
  sieve_plugins = sieve_imapsieve sieve_extprograms
  sieve_pipe_socket_dir = learn
  sieve_execute_socket_dir = learn
  imapsieve_mailbox1_name = Spam
  imapsieve_mailbox1_causes = COPY APPEND
  imapsieve_mailbox1_before = file:SCRIPTS/spam.sieve
  imapsieve_mailbox2_name = *
  imapsieve_mailbox2_from = Spam
  imapsieve_mailbox2_causes = COPY
  imapsieve_mailbox2_before = file:SCRIPTS/ham.sieve
}
`

const imapsieve24 = `
protocol imap {
  mail_plugins {
    imap_sieve = yes
  }
}
sieve_plugins {
  sieve_imapsieve = yes
}
sieve_pipe_socket_dir = learn
sieve_execute_socket_dir = learn
mailbox Spam {
  sieve_script spam {
    type = before
    cause = copy append
    path = SCRIPTS/spam.sieve
  }
}
imapsieve_from Spam {
  sieve_script ham {
    type = before
    cause = copy
    path = SCRIPTS/ham.sieve
  }
}
`

// A move of an IMAP client reaches the handler, with the user's name and the whole
// message, from the real Dovecot of both generations.
func TestDovecot(t *testing.T) {
	for _, c := range []struct {
		name, config string
		start        func(peer.T, peer.DovecotOptions) *peer.Dovecot
	}{
		{"2.3", imapsieve23, peer.StartDovecot},
		{"2.4", imapsieve24, peer.StartDovecot24},
	} {
		t.Run(c.name, func(t *testing.T) {
			peer.Need(t, peer.Root)
			scripts := peer.Dir(t)
			reportSpam, err := os.ReadFile("../../testdata/site/report-spam.sieve")
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"spam.sieve": string(reportSpam), "ham.sieve": reportHam} {
				if err := os.WriteFile(filepath.Join(scripts, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			user := peer.OneUID(1)[0]
			d := c.start(t, peer.DovecotOptions{Users: []peer.User{user}, Sieve: true, Mailboxes: []string{"Spam"},
				Extra: strings.ReplaceAll(c.config, "SCRIPTS", scripts)})
			requests := listen(t, filepath.Join(d.Dir, "run", "learn"), "sa-learn-spam.sh", "learn-ham")

			message := "From: a@example.net\r\nSubject: one\r\n\r\n" + strings.Repeat("a line of a message that no single write takes\r\n", 20_000)
			client := peer.IMAP(t, d.IMAPAddr, user.Name)
			appended := client.Append("INBOX", int64(len(message)), nil)
			if _, err := appended.Write([]byte(message)); err != nil {
				t.Fatal(err)
			}
			if err := appended.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := appended.Wait(); err != nil {
				t.Fatal(err)
			}
			check := func(name string, args ...string) {
				t.Helper()
				g := <-requests
				if g.err != nil || g.Name != name || !slices.Equal(g.Args, args) || g.text != message || g.UID != uint32(user.UID) ||
					g.Env["USER"] != user.Name || g.Env["HOME"] != d.Home(user.Name) {
					t.Errorf("%s: %d bytes of %d, uid %d, %q, %q, %v", g.Name, len(g.text), len(message), g.UID, g.Args, g.Env, g.err)
				}
			}
			if _, err := client.Select("INBOX", nil).Wait(); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Move(imap.SeqSetNum(1), "Spam").Wait(); err != nil {
				t.Error(err)
			}
			check("sa-learn-spam.sh", user.Name)
			if _, err := client.Select("Spam", nil).Wait(); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Copy(imap.SeqSetNum(1), "INBOX").Wait(); err != nil {
				t.Error(err)
			}
			check("learn-ham", "--from=Spam", "--to=INBOX", "--empty=", "a\tb")
			if log := d.Log(); strings.Contains(log, "learn-") {
				t.Errorf("Dovecot's log: %s", log)
			}
		})
	}
}

// listen serves services of those names in a directory.
func listen(t *testing.T, dir string, names ...string) chan got {
	t.Helper()
	requests := make(chan got, 10)
	s := &service{got: requests, failed: make(chan error, 10)}
	server := &script.Server{Handler: s.handle, Failed: func(name string, _ uint32, err error) { t.Errorf("%s: %v", name, err) }}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o666); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- server.Serve(ctx, name, l) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	return requests
}
