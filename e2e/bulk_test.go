package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
)

// bulkResult is what `learn bulk --format json` prints, as far as it is looked at here.
type bulkResult struct {
	Messages int `json:"messages"`
	Backends []struct {
		Outcomes map[string]int `json:"outcomes"`
		Failed   int            `json:"failed"`
	} `json:"backends"`
	Error string `json:"error"`
}

// bulkSite is a rspamd, and a configuration that teaches it.
type bulkSite struct {
	rspamd *peer.Rspamd
	dir    string
}

func newBulkSite(t *testing.T) *bulkSite {
	s := &bulkSite{rspamd: peer.StartRspamd(t, peer.RspamdOptions{}), dir: peer.Dir(t)}
	peer.WriteFile(t, s.dir+"/password", peer.Password+"\n", peer.User{})
	peer.WriteFile(t, s.dir+"/dovetail.toml", fmt.Sprintf(`
[userdb]
driver = "static"
uid = "%[1]d"
gid = "%[1]d"
home = "%[2]s/home/%%n"
[learn]
backends = ["rspamd"]
queue_dir = "%[2]s/queue"
status_file = "%[2]s/status.json"
[learn.rspamd]
url = "http://%[3]s"
password_file = "%[2]s/password"
[state]
url = "sqlite:%[2]s/state.db"
`, peer.MailUID, s.dir, s.rspamd.Addr), peer.User{})
	return s
}

// bulk calls `dovetail learn bulk` and gives what it printed.
func (s *bulkSite) bulk(t *testing.T, status int, args ...string) (r bulkResult) {
	t.Helper()
	cmd := exec.Command(binary("dovetail"), append([]string{"-c", s.dir + "/dovetail.toml", "learn", "bulk", "--format", "json"}, args...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	_ = cmd.Run() // the status tells
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Fatalf("status %d, wanted %d\n%s%s", got, status, &out, &problems)
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &problems)
	}
	return r
}

// A Maildir and an mbox file are taught to rspamd, once: what a killed run and one without
// rspamd have left is taught by the next.
func TestBulk(t *testing.T) {
	peer.Need(t, peer.Root, peer.RspamdRedis)
	s, c := newBulkSite(t), corpus.New(1)
	var mbox bytes.Buffer
	for i := range 150 {
		name := filepath.Join(s.dir, "Maildir", []string{".Junk/cur", ".Junk/new"}[i%2], fmt.Sprintf("%d.M1P1.h", i))
		peer.WriteFile(t, name, string(c.Spam(i)), peer.User{})
		fmt.Fprintf(&mbox, "From a@example.net Sat Nov 21 08:00:00 2026\n%s\n", c.Ham(i))
	}
	peer.WriteFile(t, s.dir+"/ham.mbox", mbox.String(), peer.User{})

	s.rspamd.Stop()
	if r := s.bulk(t, 75, "spam", s.dir+"/Maildir"); r.Error == "" || r.Backends[0].Failed == 0 {
		t.Errorf("without rspamd: %+v", r)
	}
	s.rspamd.Start()

	kill := exec.Command(binary("dovetail"), "-c", s.dir+"/dovetail.toml", "learn", "bulk", "spam", s.dir+"/Maildir")
	if err := kill.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); s.rspamd.Learned() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	_ = kill.Process.Signal(os.Kill)
	_ = kill.Wait()

	r := s.bulk(t, 0, "spam", s.dir+"/Maildir")
	if total := r.Backends[0].Outcomes; r.Messages != 150 || total["learned"]+total["already"]+total["relearned"] != 150 {
		t.Errorf("after a kill: %+v", r)
	}
	if r = s.bulk(t, 0, "spam", s.dir+"/Maildir"); r.Backends[0].Outcomes["already"] != 150 {
		t.Errorf("again: %+v", r)
	}
	if r = s.bulk(t, 0, "ham", "-n", s.dir+"/ham.mbox"); r.Backends[0].Outcomes["learned"] != 150 {
		t.Errorf("dry run: %+v", r)
	}
	if r = s.bulk(t, 0, "ham", s.dir+"/ham.mbox"); r.Messages != 150 || r.Backends[0].Outcomes["learned"] != 150 {
		t.Errorf("mbox: %+v", r)
	}
	if spam, ham := s.rspamd.Counts(""); spam != 150 || ham != 150 {
		t.Errorf("rspamd knows %d spam and %d ham, wanted 150 of each", spam, ham)
	}
}
