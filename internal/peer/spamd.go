package peer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const spamdProgram = "/usr/sbin/spamd"

// Spamd is a running spamd of SpamAssassin that learns (--allow-tell). Users need no
// account: each has a Bayes database of its own. It makes no look-up over the
// network, and has no rules but those of Bayes.
type Spamd struct {
	Addr   string // 127.0.0.1:PORT
	Socket string

	t    T
	dir  string
	cred *syscall.Credential
	args []string
	*Process
}

// SpamdOptions say how a Spamd is set up.
type SpamdOptions struct {
	NoTell bool // it must not learn
}

// StartSpamd starts a spamd that works as the user debian-spamd.
func StartSpamd(t T, o SpamdOptions) *Spamd {
	t.Helper()
	Need(t, Root, SpamAssassin)
	dir := Dir(t)
	s := &Spamd{
		Addr:   fmt.Sprintf("127.0.0.1:%d", FreePort(t)),
		Socket: filepath.Join(dir, "socket"),
		t:      t, dir: dir, cred: systemUser(t, "debian-spamd"),
	}
	for name, text := range map[string]string{"rules/bayes.cf": spamdRules, "site/init.pre": spamdPlugins} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatalf("%v", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "users"), 0o755); err != nil {
		t.Fatalf("%v", err)
	}
	Chown(t, dir, User{Name: "debian-spamd", UID: int(s.cred.Uid), GID: int(s.cred.Gid)})
	s.args = []string{
		"--local", "--username=debian-spamd", "--nouser-config", "--virtual-config-dir=" + dir + "/users/%u",
		"--configpath=" + dir + "/rules", "--siteconfigpath=" + dir + "/site", "--helper-home-dir=" + dir,
		"--syslog=stderr", "--min-children=1", "--max-children=2", "--listen=" + s.Addr, "--listen=" + s.Socket, "--socketmode=0666",
	}
	if !o.NoTell {
		s.args = append(s.args, "--allow-tell")
	}
	s.Start()
	return s
}

const spamdRules = `use_bayes 1
bayes_auto_learn 0
bayes_min_spam_num 1
bayes_min_ham_num 1
body BAYES_00 eval:check_bayes('0.00', '0.20')
body BAYES_50 eval:check_bayes('0.20', '0.80')
body BAYES_99 eval:check_bayes('0.80', '1.00')
`

const spamdPlugins = `loadplugin Mail::SpamAssassin::Plugin::Check
loadplugin Mail::SpamAssassin::Plugin::Bayes
`

// Start starts it anew after Stop, with what it has learned.
func (s *Spamd) Start() {
	s.t.Helper()
	s.Process = startProcess(s.t, filepath.Join(s.dir, "log"), how{quit: syscall.SIGTERM}, spamdProgram, s.args...)
	s.WaitReady(s.t, func() error {
		answer, err := s.ask("PING SPAMC/1.5\r\n\r\n")
		if err == nil && !strings.Contains(answer, "PONG") {
			err = fmt.Errorf("answered %q", answer)
		}
		return err
	})
}

// Stop ends it.
func (s *Spamd) Stop() { s.Process.Stop(s.t) }

// Verdict gives what its Bayes classifier says of a message for a user: "spam",
// "ham", or "" when it does not know.
func (s *Spamd) Verdict(user string, message []byte) string {
	s.t.Helper()
	answer, err := s.ask(fmt.Sprintf("SYMBOLS SPAMC/1.5\r\nContent-length: %d\r\nUser: %s\r\n\r\n%s", len(message), user, message))
	if err != nil || !strings.Contains(answer, "EX_OK") {
		s.t.Fatalf("asking spamd: %v, %q", err, answer)
	}
	switch {
	case strings.Contains(answer, "BAYES_99"):
		return "spam"
	case strings.Contains(answer, "BAYES_00"):
		return "ham"
	}
	return ""
}

func (s *Spamd) ask(request string) (string, error) {
	c, err := net.DialTimeout("unix", s.Socket, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(clientTimeout))
	if _, err := io.WriteString(c, request); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	return string(answer), err
}

// Database is the folder of a user's Bayes database. It comes with the first lesson.
func (s *Spamd) Database(user string) string { return filepath.Join(s.dir, "users", user) }

var dumped = regexp.MustCompile(`(?m)^\S+\s+\S+\s+(\d+)\s+\S+\s+non-token data: (nspam|nham)$`)

// Counts tells how many messages it has learned for a user.
func (s *Spamd) Counts(user string) (spam, ham int) {
	s.t.Helper()
	base := filepath.Join(s.Database(user), "bayes")
	if _, err := os.Stat(base + "_toks"); errors.Is(err, fs.ErrNotExist) {
		return 0, 0
	}
	cmd := exec.Command("/usr/bin/sa-learn", "--dump", "magic", "--dbpath", base,
		"--configpath", filepath.Join(s.dir, "rules"), "--siteconfigpath", filepath.Join(s.dir, "site"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	cmd.Env = []string{"HOME=" + s.dir, "PATH=/usr/bin:/bin"}
	cmd.Dir = s.dir
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("sa-learn --dump: %v", err)
	}
	for _, m := range dumped.FindAllStringSubmatch(string(out), -1) {
		n, _ := strconv.Atoi(m[1])
		if m[2] == "nspam" {
			spam = n
		} else {
			ham = n
		}
	}
	return spam, ham
}
