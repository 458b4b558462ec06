package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/learn/selftest"
)

// The selftest finds nothing wrong with a machine where all works, and then each
// link that is broken, with real Dovecots, learnd and rspamd.
func TestLearnSelftest(t *testing.T) {
	for _, v := range dovecots {
		t.Run(v.name, func(t *testing.T) {
			peer.Need(t, peer.Root, peer.RspamdRedis)
			m := newTaught(t)
			conf := m.pieces(v.conf)
			d := v.start(t, peer.DovecotOptions{Users: peer.OwnUIDs(2), Mailboxes: quoted(folders), Extra: conf})
			args := []string{"-c", m.config, "learn", "selftest", "-u", "user1", "--format", "json", "--dovecot-config", d.Config}
			if v.name == "2.4" { // it is in a root folder of its own
				for _, name := range []string{"doveconf", "sievec"} {
					m.program("../"+name, fmt.Sprintf("exec nsenter --target %d --mount --root --wd /usr/bin/%s \"$@\"", d.PID(), name))
					args = append(args, "--"+name, filepath.Join(m.dir, name))
				}
			}
			r := peer.StartRspamd(t, peer.RspamdOptions{PerUser: true})
			l := m.learnd(d, m.rspamd(r)+fmt.Sprintf("socket_dirs = [%q]\n", m.dir+"/sockets"))
			expect := func(what string, broken ...string) {
				t.Helper()
				slices.Sort(broken)
				wait := patience
				if len(broken) > 0 {
					wait = 3 * time.Second // for what does not come
				}
				if got := selftestBroken(t, args, wait); !slices.Equal(got, broken) {
					t.Errorf("%s: broken %q, want %q", what, got, broken)
				}
			}
			expect("all works")
			expect("all works, again")
			if spam, ham := r.Counts("user1"); spam != 0 || ham != 1 {
				t.Errorf("rspamd knows %d spam and %d ham after it, want 0 and 1", spam, ham)
			}
			r.Stop()
			expect("no rspamd", "back end rspamd", "from the queue")
			l.process.Stop(t)
			sockets := []string{"socket " + m.dir + "/sockets/learn-spam", "socket " + m.dir + "/sockets/learn-ham"}
			expect("nor learnd", append(sockets, "back end rspamd", "dovetail-learnd")...)
			r.Start()
			m.check(os.Chmod(m.config, 0o600))
			m.check(os.Chmod(m.dir+"/queue", 0o700))
			m.check(os.Remove(m.dir + "/bin/learn-spam"))
			m.check(os.Remove(m.dir + "/imapsieve/report-ham.sieve"))
			expect("what is gone", append([]string{"script " + m.dir + "/imapsieve/report-ham.sieve", `execute "learn-spam"`, `pipe "learn-spam"`},
				append(sockets, "queue "+m.dir+"/queue", "configuration "+m.config)...)...)
		})
	}
}

// selftestBroken runs the selftest and gives what is broken, sorted.
func selftestBroken(t *testing.T, args []string, wait time.Duration) []string {
	t.Helper()
	out, err := exec.Command(binary("dovetail"), append(args, "--wait", wait.String())...).Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("%v\n%s", err, out)
	}
	var report selftest.Report
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var broken []string
	for _, s := range report.Steps {
		if s.Result == selftest.Fail {
			broken = append(broken, s.Name)
			if s.Mend == "" || s.Detail == "" {
				t.Errorf("%+v: nothing said", s)
			}
		}
	}
	slices.Sort(broken)
	if (err != nil) != (len(broken) > 0) {
		t.Errorf("%v, with broken %q", err, broken)
	}
	if len(report.Steps) < 8 {
		t.Errorf("the report is short: %s", out)
	}
	return broken
}
