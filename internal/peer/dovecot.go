package peer

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const dovecotProgram = "/usr/sbin/dovecot"

// DovecotOptions says how a private Dovecot is to be set up. The zero value has
// no users and stores mail in ~/Maildir.
type DovecotOptions struct {
	// Users are in a passwd-file. Their homes are made, below Dovecot.Homes.
	Users []User
	// MailLocation is Dovecot 2.3's setting; for 2.4 it is translated. The
	// default is maildir:~/Maildir.
	MailLocation string
	// NoAutocreate refuses mail for folders that do not exist
	// (lda_mailbox_autocreate).
	NoAutocreate bool
	// Mailboxes are made and shown by Dovecot itself (auto = create).
	Mailboxes []string
	// Separator and Prefix are those of the one namespace; the defaults are "/"
	// and "".
	Separator, Prefix string
	// Quota is a rule for all users (2.3: quota_rule), such as *:storage=1M; the
	// driver is maildir++. In 2.4 only *:storage= is understood.
	Quota string

	// Sieve loads the Sieve plugin for LMTP.
	Sieve bool
	// SieveBefore is a file or a directory of site scripts. It implies Sieve.
	SieveBefore string
	// Personal is the text of every user's ~/.dovecot.sieve. It implies Sieve.
	Personal string
	// PipeDir holds the programs of pipe, filter and execute.
	PipeDir string
	// Plugin holds more settings of plugins, 2.3 only.
	Plugin map[string]string

	// Extra is appended to the configuration.
	Extra string
	// Fsync is mail_fsync; the default is Dovecot's own.
	Fsync string
	// AllowLog names log lines that would fail the test and are expected.
	AllowLog *regexp.Regexp
}

// Dovecot is a running Dovecot.
type Dovecot struct {
	*Process
	Dir        string // everything of it is here
	Homes      string // home of a user: Homes/NAME
	Config     string // configuration file
	LMTPSocket string // path, mode 0666
	LMTPAddr   string // 127.0.0.1:PORT
	IMAPAddr   string // 127.0.0.1:PORT
	AuthUserdb string // path of the socket, mode 0666

	t     T
	users []User
	root  string   // 2.4: its folder
	start []string // command that starts it

	mu         sync.Mutex
	doveadmLog bytes.Buffer // what doveadm said on standard error, its log
}

// damage is what Dovecot logs when it, or somebody else, has spoilt a mailbox.
var damage = regexp.MustCompile(`(?i)panic|fatal|corrupt|broken file|unexpected|reappeared|duplicate file entry|assert`)

// StartDovecot starts Dovecot 2.3, the one of this machine. It needs root.
func StartDovecot(t T, o DovecotOptions) *Dovecot {
	t.Helper()
	Need(t, Root, Dovecot23)
	d := newDovecot(t, &o)
	d.writeConfig(o, config23)
	d.compileScripts(o)
	d.begin(o, dovecotProgram, "-F", "-c", d.Config)
	return d
}

func newDovecot(t T, o *DovecotOptions) *Dovecot {
	t.Helper()
	setDefault(&o.MailLocation, "maildir:~/Maildir")
	setDefault(&o.Separator, "/")
	setDefault(&o.Fsync, "optimized")
	o.Sieve = o.Sieve || o.SieveBefore != "" || o.Personal != ""

	dir := Dir(t)
	d := &Dovecot{
		Dir: dir, Homes: filepath.Join(dir, "home"), Config: filepath.Join(dir, "dovecot.conf"),
		LMTPSocket: filepath.Join(dir, "run/lmtp"), AuthUserdb: filepath.Join(dir, "run/auth-userdb"),
		LMTPAddr: fmt.Sprintf("127.0.0.1:%d", FreePort(t)), IMAPAddr: fmt.Sprintf("127.0.0.1:%d", FreePort(t)),
		t: t, users: o.Users,
	}
	for _, sub := range []string{"run", "state"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatalf("%v", err)
		}
	}
	Homes(t, d.Homes, o.Users)
	var list strings.Builder
	for _, u := range o.Users {
		fmt.Fprintf(&list, "%s:{PLAIN}%s:%d:%d::%s::%s\n", u.Name, Password, u.UID, u.GID, d.Home(u.Name), u.Extra)
		if o.Personal != "" {
			WriteFile(t, filepath.Join(d.Home(u.Name), ".dovecot.sieve"), o.Personal, u)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "users"), []byte(list.String()), 0o644); err != nil {
		t.Fatalf("%v", err)
	}
	return d
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// compileScripts compiles the site scripts: users may not write their binaries.
// Words put in front of the command say where it runs.
func (d *Dovecot) compileScripts(o DovecotOptions, front ...string) {
	d.t.Helper()
	if o.SieveBefore == "" {
		return
	}
	command := append(slices.Clip(front), "/usr/bin/sievec", "-c", d.Config, o.SieveBefore)
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("sievec %s: %v\n%s", o.SieveBefore, err, out)
	}
}

func (d *Dovecot) begin(o DovecotOptions, command ...string) {
	d.t.Helper()
	// Registered before the process, so run after it has stopped.
	d.t.Cleanup(func() { d.checkLog(o.AllowLog) })
	d.start = command
	d.Start()
}

// Halt stops the server and all that its master has left, as systemd does: an
// auth process goes on for as long as somebody is connected to it.
func (d *Dovecot) Halt() {
	d.t.Helper()
	pids, err := tree(d.PID())
	if err != nil {
		d.t.Fatalf("looking for Dovecot's processes: %v", err)
	}
	d.Stop(d.t)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// end stops the server, and waits for those whom its master has left at work on mail:
// one that is still closing a mailbox would write into a folder that is being removed.
func (d *Dovecot) end() {
	d.t.Helper()
	if !d.Running() {
		return
	}
	pids, err := tree(d.PID())
	if err != nil {
		d.t.Errorf("looking for Dovecot's processes: %v", err)
	}
	d.Stop(d.t)
	for end := time.Now().Add(stopTimeout); slices.ContainsFunc(pids, writesMail); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Errorf("Dovecot is at work on mail %v after its end", stopTimeout)
			return
		}
	}
}

// writesMail tells whether a process is one of Dovecot's for mail, and has not ended.
func writesMail(pid int) bool {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	fields, err := statFields(pid)
	return err == nil && fields[0] != "Z" && slices.Contains([]string{"imap\n", "lmtp\n"}, string(name))
}

// Start starts the server again after it was stopped.
func (d *Dovecot) Start() {
	d.t.Helper()
	d.Process = StartProcess(d.t, filepath.Join(d.Dir, "start.log"), d.start[0], d.start[1:]...)
	d.t.Cleanup(d.end)
	d.WaitReady(d.t,
		Greets("unix", d.LMTPSocket, "220 "), Greets("tcp", d.LMTPAddr, "220 "),
		Greets("tcp", d.IMAPAddr, "* OK"), exists(d.AuthUserdb))
}

// checkLog fails the test for every line in the log that tells of damage.
func (d *Dovecot) checkLog(allowed *regexp.Regexp) {
	d.t.Helper()
	for line := range strings.Lines(d.Log() + d.doveadmLog.String()) {
		if damage.MatchString(line) && (allowed == nil || !allowed.MatchString(line)) {
			d.t.Errorf("Dovecot's log: %s", strings.TrimSpace(line))
		}
	}
}

// Log returns what Dovecot has logged.
func (d *Dovecot) Log() string {
	text, err := os.ReadFile(filepath.Join(d.Dir, "dovecot.log"))
	if err != nil && !os.IsNotExist(err) {
		d.t.Errorf("reading Dovecot's log: %v", err)
	}
	return string(text)
}

// Home returns the home directory of a user.
func (d *Dovecot) Home(user string) string { return filepath.Join(d.Homes, user) }

// User returns the account of that name.
func (d *Dovecot) User(name string) User {
	d.t.Helper()
	for _, u := range d.users {
		if u.Name == name {
			return u
		}
	}
	d.t.Fatalf("no user %s", name)
	return User{}
}

// Doveadm runs doveadm and returns its standard output; a failure ends the test.
func (d *Dovecot) Doveadm(args ...string) string {
	d.t.Helper()
	out, err := d.TryDoveadm(args...)
	if err != nil {
		d.t.Fatalf("%v", err)
	}
	return out
}

// TryDoveadm runs doveadm. The error is an *exec.ExitError with what doveadm
// said, when it ran and failed.
func (d *Dovecot) TryDoveadm(args ...string) (string, error) {
	command := append([]string{"/usr/bin/doveadm", "-c", d.Config}, args...)
	if d.root != "" {
		command = append(enter(d.PID()), command...)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	d.mu.Lock()
	d.doveadmLog.Write(stderr.Bytes())
	d.mu.Unlock()
	if err != nil {
		return stdout.String(), fmt.Errorf("doveadm %s: %w: %s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.String(), nil
}
