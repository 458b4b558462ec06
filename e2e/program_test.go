package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// misbehaving are programs, what they are run by, and what the log says of them.
// Each notes its process and its children's in $P.
var misbehaving = []struct {
	user, command, program, log string
	inbox                       int
}{
	// The last recipient's program has run while this one hangs, or it never ends by itself.
	{"hang", `pipe "hang";`, `sleep 600 & note $!; until ls "$L"/sa-learn-ham.sh.*; do sleep 0.05; done; touch "$L/met"; wait`, `\"hang\": execution timed out`, 1},
	{"deaf", `pipe "deaf";`, `trap "" TERM HUP INT PIPE; while :; do sleep 1; done`, `\"deaf\": execution timed out`, 1},
	{"stderr", `pipe "stderr";`, `yes | head -c 50000000 >&2; exec sleep 600`, `\"stderr\": execution timed out`, 1},
	{"stdout", `pipe "stdout";`, `yes | head -c 50000000; exec sleep 600`, `\"stdout\": execution timed out`, 1},
	{"close", `pipe "close";`, `exec <&-; echo 'not for me' >&2; exit 3`, `exit status 3 (it said: not for me)`, 1},
	{"segv", `pipe "segv";`, `sleep 600 & note $!; kill -SEGV $$`, `\"segv\": signal: segmentation fault`, 1},
	{"fork", `pipe "fork";`, `set -m; sleep 600 & note $!; sleep 600 & note $!; cat >/dev/null`, "", 0},
	{"flood", `filter "flood";`, `cat >/dev/null; exec yes`, `\"flood\": too much output`, 1},
	{"filter", `filter "filter";`, `sleep 600 & note $!; wait`, `\"filter\": execution timed out`, 1},
	{"execute", `execute "execute";`, `sleep 600 & note $!; wait`, `\"execute\": execution timed out`, 1},
}

// Programs that hang, flood, fork or die lose no mail, keep no other recipient of
// the transaction waiting beyond their time limit, and leave no process behind.
func TestHostilePrograms(t *testing.T) {
	var users []peer.User
	var to []string
	script := `require ["copy", "envelope", "vnd.dovecot.pipe", "vnd.dovecot.filter", "vnd.dovecot.execute"];` + "\n"
	for i, m := range misbehaving {
		users = append(users, peer.User{Name: m.user, UID: peer.MailUID + i, GID: peer.MailUID + i})
		to = append(to, m.user+"@example.org")
		script += fmt.Sprintf("if envelope :localpart \"to\" %q { %s }\n", m.user, m.command)
	}
	users, to = append(users, bert), append(to, "bert@example.org")
	script += `if envelope :localpart "to" "bert" { pipe :copy "sa-learn-ham.sh"; }`

	s := newSite(t, users)
	s.global = "+vnd.dovecot.filter +vnd.dovecot.execute"
	for _, m := range misbehaving {
		s.file(filepath.Join(s.dir, "bin", m.user), fmt.Sprintf("#!/bin/sh\nL=%s\nnote() { echo \"$1\" >>\"$L/pids.%s\"; }\nnote $$\n%s\n",
			s.learned, m.user, m.program), 0o755)
	}
	s.file(filepath.Join(s.dir, "sieve.d/10.sieve"), script, 0o644)
	s.extra["sieve"] = fmt.Sprintf(`sieve_filter_bin_dir = "%[1]s/bin"
sieve_execute_bin_dir = "%[1]s/bin"
sieve_pipe_exec_timeout = "10s"
sieve_filter_exec_timeout = "10s"
sieve_execute_exec_timeout = "10s"
`, s.dir)
	s.start()
	for i, err := range peer.DeliverLMTP(t, s.lmtp(), "a@example.net", to, letter) {
		if err != nil {
			t.Errorf("%s: %v", to[i], err)
		}
	}
	log := s.server.Output(t)
	for _, m := range misbehaving {
		s.count(m.user, "INBOX", m.inbox)
		s.sound(m.user, 0)
		if said := linesOf(log, m.user); !strings.Contains(said, m.log) {
			t.Errorf("the log of %s is\n%.3000s\nwant %s", m.user, said, m.log)
		}
		checkEnded(t, m.user, readAll(t, filepath.Join(s.learned, "pids."+m.user)))
	}
	s.count("bert", "INBOX", 1)
	if len(s.runs("sa-learn-ham.sh")) != 1 {
		t.Error("bert's program has not run once")
	}
	if len(readAll(t, filepath.Join(s.learned, "met"))) != 1 {
		t.Error("bert's program has not run while the first one hung")
	}
}

// linesOf gives the lines of the log about a user's deliveries.
func linesOf(log, user string) string {
	var lines strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, "user="+user+" ") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// checkEnded waits until no process of a list is alive.
func checkEnded(t *testing.T, name string, notes []string) {
	t.Helper()
	pids := strings.Fields(strings.Join(notes, ""))
	if len(pids) == 0 {
		t.Errorf("%s has not run", name)
	}
	for _, pid := range pids {
		if _, err := strconv.Atoi(pid); err != nil {
			t.Errorf("%s noted %q", name, pid)
		}
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			if err != nil || bytes.Contains(stat, []byte(") Z ")) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("process %s of %s is still there: %s", pid, name, stat)
			}
		}
	}
}
