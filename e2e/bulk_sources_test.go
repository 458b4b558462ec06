package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
)

// withoutRspamd is a configuration that teaches what answers at a URL.
func withoutRspamd(t *testing.T, url string) *bulkSite {
	s := &bulkSite{dir: peer.Dir(t)}
	peer.WriteFile(t, s.dir+"/users", fmt.Sprintf("user1:x:%[1]d:%[1]d::/nonexistent::\n", peer.MailUID), peer.User{})
	peer.WriteFile(t, s.dir+"/dovetail.toml", fmt.Sprintf(`
[userdb]
driver = "passwd-file"
path = "%[1]s/users"
[learn]
backends = ["rspamd"]
queue_dir = "%[1]s/queue"
rspamd.url = %[2]q
[state]
url = "sqlite:%[1]s/state.db"
`, s.dir, url), peer.User{})
	return s
}

// An IMAP folder is taught with the password of the environment, an mbox file as far as
// it goes; the exit status says what was wrong.
func TestBulkSources(t *testing.T) {
	peer.Need(t, peer.Root, peer.Dovecot23)
	rspamd, c := newPupil(t), corpus.New(2)
	s := withoutRspamd(t, rspamd.URL)
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(1)})
	client := newClient(t, d, "user1")
	client.check(client.Create("Old spam", nil).Wait())
	for i := range 3 {
		client.appendText("Old spam", fmt.Sprint(i), fmt.Sprintf("Subject: imap %d\r\n\r\ntext\r\n", i))
	}
	url := "imap://user1@" + d.IMAPAddr + "/Old%20spam"
	t.Setenv("DOVETAIL_IMAP_PASSWORD", "wrong")
	s.fails(t, 66, "imap", "spam", "-u", "user1", url)
	t.Setenv("DOVETAIL_IMAP_PASSWORD", peer.Password)
	if r := s.bulk(t, 0, "spam", "-u", "user1", url); r.Messages != 3 || r.Backends[0].Outcomes["learned"] != 3 || rspamd.classes["imap 1"] != "spam" {
		t.Errorf("from IMAP: %+v", r)
	}

	var mbox, packed bytes.Buffer
	for i := range 50 {
		fmt.Fprintf(&mbox, "From a@example.net Sat Nov 21 08:00:00 2026\n%s\n", c.Ham(i))
	}
	w := gzip.NewWriter(&packed)
	w.Write(mbox.Bytes())
	w.Close()
	peer.WriteFile(t, s.dir+"/cut.mbox.gz", packed.String()[:packed.Len()/2], peer.User{})
	r := s.bulk(t, 75, "ham", s.dir+"/cut.mbox.gz")
	if n := r.Backends[0].Outcomes["learned"]; n == 0 || n >= 50 || !strings.Contains(r.Error, "cut.mbox.gz:") {
		t.Errorf("half an mbox: %+v", r)
	}

	s.fails(t, 66, "/nonexistent", "spam", "/nonexistent")
	s.fails(t, 67, "user9", "spam", "-u", "user9", s.dir+"/cut.mbox.gz")
	s.fails(t, 64, "--since", "spam", "--since", "yesterday", s.dir+"/cut.mbox.gz")
}

// fails calls `dovetail learn bulk`, which must end with a status and say why.
func (s *bulkSite) fails(t *testing.T, status int, says string, args ...string) {
	t.Helper()
	cmd := exec.Command(binary("dovetail"), append([]string{"-c", s.dir + "/dovetail.toml", "learn", "bulk"}, args...)...)
	out, _ := cmd.CombinedOutput() // the status tells
	if got := cmd.ProcessState.ExitCode(); got != status || !strings.Contains(string(out), says) {
		t.Errorf("%q: status %d, wanted %d\n%s", args, got, status, out)
	}
}

// A signal ends it with the summary, and the next call goes on.
func TestBulkInterrupted(t *testing.T) {
	peer.Need(t, peer.Root)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			const all, first = 500, 250
			good := newPupil(t)
			stuck := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if good.requests.Load() >= first {
					_, _ = io.Copy(io.Discard, r.Body) // only then it is told of the client's end
					<-r.Context().Done()
					return
				}
				good.ServeHTTP(w, r)
			}))
			t.Cleanup(stuck.Close)
			s := withoutRspamd(t, stuck.URL)
			for i := range all {
				peer.WriteFile(t, filepath.Join(s.dir, "mail", fmt.Sprint(i)), fmt.Sprintf("Subject: message %d\n\ntext\n", i), peer.User{})
			}
			cmd := exec.Command(binary("dovetail"), "-c", s.dir+"/dovetail.toml", "learn", "bulk", "spam", s.dir+"/mail")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(patience); good.requests.Load() < first && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			_ = cmd.Process.Signal(sig)
			_ = cmd.Wait() // the status tells
			if status := cmd.ProcessState.ExitCode(); status != 75 {
				t.Errorf("status %d\n%s", status, &out)
			}
			for _, want := range []string{" messages in ", "rspamd  learned 2", "interrupted"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it did not say %q:\n%s", want, &out)
				}
			}
			s.switchTo(t, stuck.URL, good.URL)
			if r := s.bulk(t, 0, "spam", s.dir+"/mail"); r.Messages != all || r.Backends[0].Failed > 0 {
				t.Errorf("after it: %+v", r)
			}
			if len(good.changes) != all {
				t.Errorf("%d messages are learned, want %d", len(good.changes), all)
			}
		})
	}
}

// switchTo puts one URL into the place of another one.
func (s *bulkSite) switchTo(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(s.dir + "/dovetail.toml")
	if err != nil {
		t.Fatal(err)
	}
	peer.WriteFile(t, s.dir+"/dovetail.toml", strings.ReplaceAll(string(text), from, to), peer.User{})
}
