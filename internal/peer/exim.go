package peer

import (
	"errors"
	"fmt"
	"io/fs"
	"net/smtp"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"golang.org/x/sys/unix"
)

const eximProgram = "/usr/sbin/exim4"

// EximOptions says how a private Exim is to be set up.
type EximOptions struct {
	// LMTPSocket is the path of the socket that takes mail for LocalDomain. It
	// may come into being later.
	LMTPSocket string
	// Command takes that mail instead of LMTPSocket, one recipient at a time, on
	// standard input and as MailUID: the transport's command. Exit statuses 67
	// and 77 bounce, the other ones of sysexits.h defer. Mail waits for RunQueue,
	// since this Exim cannot become another user by itself. The message begins with
	// an mbox "From " line.
	Command string
	// BatchMax is the transport's batch_max; the default is 200.
	BatchMax int
	// Transport holds more lines for the transport.
	Transport string
}

// LocalDomain is the domain that Exim delivers to by LMTP.
const LocalDomain = "example.org"

// Exim is a running Exim. It takes any mail from the loopback interface; what
// is for another domain than LocalDomain it stores, see Outside.
type Exim struct {
	*Process
	Dir    string
	Config string
	Addr   string // of SMTP, 127.0.0.1:PORT

	t T
}

const eximConfig = `
primary_hostname = peer.example.org
domainlist local_domains = {{.LocalDomain}}
spool_directory = {{.Dir}}/spool
log_file_path = {{.Dir}}/log/%slog
pid_file_path = {{.Dir}}/spool/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {{.Port}}
never_users =
tls_advertise_hosts =
chunking_advertise_hosts =
dsn_advertise_hosts = 127.0.0.1
host_lookup =
rfc1413_hosts =
smtp_accept_max = 200
smtp_accept_queue_per_connection = 100000
smtp_accept_max_per_connection = 100000
remote_max_parallel = 8
{{if .Command}}queue_only
{{end -}}
qualify_domain = {{.LocalDomain}}
keep_environment =
log_selector = +smtp_confirmation
acl_smtp_rcpt = acl_rcpt
begin acl
acl_rcpt:
  accept hosts = 127.0.0.1
begin routers
local:
  driver = accept
  domains = +local_domains
  local_part_suffix = +*
  local_part_suffix_optional
  transport = lmtp
outside:
  driver = accept
  transport = outside
begin transports
lmtp:
{{- if .Command}}
  driver = pipe
  command = {{.Command}}
  message_suffix =
  delivery_date_add
  envelope_to_add
  return_path_add
  log_output
  return_output
  temp_errors = 64 : 69 : 70 : 71 : 72 : 73 : 74 : 75 : 78
  user = {{.MailUID}}
  group = {{.MailUID}}
{{- else}}
  driver = lmtp
  socket = {{.LMTPSocket}}
  batch_max = {{.BatchMax}}
  rcpt_include_affixes = false
  user = Debian-exim
{{- end}}
  {{.Transport}}
outside:
  driver = appendfile
  directory = {{.Dir}}/outside
  maildir_format
  envelope_to_add
  return_path_add
  user = Debian-exim
begin retry
* * F,2h,1m
`

// noPrivilege is what Exim logs when it calls itself as its own user to send a
// bounce. It needs no other user here.
const noPrivilege = "exim user lost privilege for using -C option"

// StartExim starts an Exim with the transport of the site that dovetail is
// built for. It needs root.
func StartExim(t T, o EximOptions) *Exim {
	t.Helper()
	Need(t, Root, Exim4)
	if o.BatchMax == 0 {
		o.BatchMax = 200
	}
	account, err := user.Lookup("Debian-exim")
	if err != nil {
		t.Fatalf("looking Exim's user up: %v", err)
	}
	owner := User{Name: account.Username}
	owner.UID, _ = strconv.Atoi(account.Uid)
	owner.GID, _ = strconv.Atoi(account.Gid)

	dir, port := Dir(t), FreePort(t)
	e := &Exim{Dir: dir, Config: filepath.Join(dir, "exim.conf"), Addr: fmt.Sprintf("127.0.0.1:%d", port), t: t}
	for _, sub := range []string{"spool", "log", "outside"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o750); err != nil {
			t.Fatalf("%v", err)
		}
		Chown(t, filepath.Join(dir, sub), owner)
	}
	var config strings.Builder
	err = template.Must(template.New("exim.conf").Parse(eximConfig)).Execute(&config, struct {
		EximOptions
		Dir, LocalDomain string
		Port, MailUID    int
	}{o, dir, LocalDomain, port, MailUID})
	if err == nil {
		err = os.WriteFile(e.Config, []byte(config.String()), 0o644)
	}
	if err != nil {
		t.Fatalf("configuration of Exim: %v", err)
	}
	// Registered before the process, so run after it has stopped.
	t.Cleanup(func() {
		text, err := os.ReadFile(filepath.Join(dir, "log/paniclog"))
		if err != nil && !os.IsNotExist(err) {
			t.Errorf("reading Exim's panic log: %v", err)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, noPrivilege) {
				t.Errorf("Exim's panic log: %s", line)
			}
		}
	})
	e.Process = StartProcess(t, filepath.Join(dir, "start.log"), eximProgram, "-C", e.Config, "-bdf")
	e.WaitReady(t, Greets("tcp", e.Addr, "220 "))
	return e
}

// Send hands Exim a message by SMTP; lines may end in LF or CRLF.
func (e *Exim) Send(from string, to []string, message string) {
	e.t.Helper()
	if err := smtp.SendMail(e.Addr, nil, from, to, []byte(message)); err != nil {
		e.t.Fatalf("sending to Exim: %v", err)
	}
}

// RunQueue tries all messages in the queue now, also those to be tried later,
// and returns when it has. A run leaves out what another process of Exim is still at
// work on, which may have told in the log already what became of it: that is waited for.
func (e *Exim) RunQueue() {
	e.t.Helper()
	for end := time.Now().Add(clientTimeout); e.working(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			e.t.Fatalf("Exim is at work on a message for longer than %v:\n%s", clientTimeout, e.MainLog())
		}
	}
	if out, err := exec.Command(eximProgram, "-C", e.Config, "-qff").CombinedOutput(); err != nil {
		e.t.Fatalf("running Exim's queue: %v\n%s", err, out)
	}
}

// working tells whether a process has a message in the queue locked.
func (e *Exim) working() bool {
	e.t.Helper()
	names, err := filepath.Glob(filepath.Join(e.Dir, "spool/input/*-D"))
	if err != nil {
		e.t.Fatalf("%v", err)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		data, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return false // it is done meanwhile
		}
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		if err == nil {
			defer data.Close()
			err = unix.FcntlFlock(data.Fd(), unix.F_GETLK, &lock)
		}
		if err != nil {
			e.t.Fatalf("looking whether a message is locked: %v", err)
		}
		return lock.Type != unix.F_UNLCK
	})
}

// QueueCount returns the number of messages in the queue.
func (e *Exim) QueueCount() int {
	e.t.Helper()
	out, err := exec.Command(eximProgram, "-C", e.Config, "-bpc").CombinedOutput()
	n, convErr := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || convErr != nil {
		e.t.Fatalf("counting Exim's queue: %v\n%s", err, out)
	}
	return n
}

// WaitQueueEmpty waits until every message is delivered or bounced, and fails
// with Exim's log when that takes too long.
func (e *Exim) WaitQueueEmpty(timeout time.Duration) {
	e.t.Helper()
	for deadline := time.Now().Add(timeout); e.QueueCount() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.t.Fatalf("Exim's queue is not empty after %v:\n%s", timeout, e.MainLog())
		}
	}
}

// MainLog returns Exim's main log.
func (e *Exim) MainLog() string {
	text, err := os.ReadFile(filepath.Join(e.Dir, "log/mainlog"))
	if err != nil && !os.IsNotExist(err) {
		e.t.Errorf("reading Exim's log: %v", err)
	}
	return string(text)
}

// Outside returns the messages that left for other domains: bounces, and what
// scripts have sent. They begin with the fields Return-path and Envelope-to.
func (e *Exim) Outside() []string {
	e.t.Helper()
	names, err := filepath.Glob(filepath.Join(e.Dir, "outside/new/*"))
	if err != nil {
		e.t.Fatalf("%v", err)
	}
	messages := make([]string, len(names))
	for i, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			e.t.Fatalf("reading what left: %v", err)
		}
		messages[i] = string(text)
	}
	return messages
}
