package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// startTimeout is the longest wait for the server, stopTimeout for its end.
const (
	startTimeout = 10 * time.Second
	stopTimeout  = 5 * time.Second
)

func (d *demo) config(uid, gid int) []byte {
	return fmt.Appendf(nil, `auth_username_format = "%%n"
[mail]
mail_location = "%[4]s"
lda_mailbox_autocreate = true
[userdb]
driver = "static"
uid = "%[1]d"
gid = "%[2]d"
home = "%[3]s/home/%%n"
[sieve]
sieve = "~/.dovecot.sieve"
sieve_before = ["%[3]s/sieve.d"]
sieve_extensions = "+vnd.dovecot.pipe"
sieve_global_extensions = "+editheader"
sieve_pipe_bin_dir = "%[3]s/bin"
[submission]
sendmail = ""
[state]
url = ""
[log]
format = "json"
`, uid, gid, d.dir, mailLocation)
}

// start starts the server and waits until it says that it is ready. The function
// it gives stops the server and waits for its end.
func (d *demo) start(ctx context.Context) (stop func() error, err error) {
	cmd := exec.CommandContext(ctx, d.Server, "-c", filepath.Join(d.dir, "dovetail.toml"), "--listen", "unix:"+d.socket())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", d.Server, err)
	}
	ready, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		d.log.collect(stderr, ready)
	}()
	stop = func() error {
		err := cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		return errors.Join(err, cmd.Wait())
	}
	select {
	case <-ready:
		return stop, nil
	case <-ended:
		err = errors.New("it ended")
	case <-time.After(startTimeout):
		err = errors.New("it is not ready after " + startTimeout.String())
	}
	return nil, errors.Join(fmt.Errorf("starting %s: %w: %s", d.Server, err, d.log.text()), stop())
}

func (d *demo) socket() string { return filepath.Join(d.dir, "lmtp") }

// lines is the server's log.
type lines struct{ all []string }

// collect reads the log to its end; ready is closed at the line that says so.
func (l *lines) collect(r io.Reader, ready chan<- struct{}) {
	said := false
	for s := bufio.NewScanner(r); s.Scan(); {
		l.all = append(l.all, s.Text())
		if !said && strings.Contains(s.Text(), "ready") {
			said = true
			close(ready)
		}
	}
}

func (l *lines) text() string { return strings.Join(l.all, "\n") }

// reasons gives, by user and Message-ID, the rule that decided.
func (l *lines) reasons() map[string]string {
	out := map[string]string{}
	for _, line := range l.all {
		var e struct{ Msg, User, Msgid, Decided string }
		if json.Unmarshal([]byte(line), &e) != nil || e.Msg != "delivery" {
			continue
		}
		out[e.User+e.Msgid] = orKeep(e.Decided)
	}
	return out
}

func orKeep(decided string) string {
	if decided == "" {
		return "no rule: kept"
	}
	if script, line, ok := strings.Cut(decided, ":"); ok {
		return "script " + script + ", line " + line
	}
	return decided
}
