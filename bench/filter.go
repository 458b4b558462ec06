package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"dovetail/internal/peer"
)

// filterName is the name of the case for -case.
const filterName = "filter"

// A mailbox for the case: the messages, and the bytes of each.
const (
	filterMessages = 20_000
	filterSize     = 2 << 10
)

// filterHeaders are those that the site's marking script looks at, in turn: most
// mail is none of its business.
var filterHeaders = []string{
	"From: Anna <anna@example.org>\nTo: user1@example.org\n",
	"From: \"Bert, of sales\" <bert@example.com>\nTo: user1@example.org, carla@example.net\nCc: dora@example.org\n",
	"From: news@lists.example.net\nTo: list@lists.example.net\nX-Spam-Status: No, score=-1.9 required=5.0\n",
	"From: root <root@host.example.org>\nTo: root@host.example.org\n",
	"From: notifications@github.com\nTo: project@noreply.github.com\nCc: user1@example.org\n",
	"From: win@example.com\nTo: user1@example.org\nX-Spam-Flag: YES\nX-Spam-Status: Yes, score=12\n",
	"From: update@facebookmail.example\nTo: user1@example.org\n",
	"From: =?utf-8?q?Fr=C3=A4nzi?= <f@example.org>\nTo: user1@example.org\nX-Bogosity: Ham, tests=bogofilter\n",
}

// measureFilter runs the site's marking script over one Maildir with Pigeonhole's
// sieve-filter and with ours, neither of which changes anything. Cold means that the
// kernel has nothing of the Maildir in memory and that Dovecot has no index of it.
func measureFilter(ctx context.Context, t *benchT, w io.Writer, o options) error {
	messages := filterMessages
	if o.short {
		messages /= 10
	}
	s := newFilterSetup(t, messages)
	programs := s.programs(o)
	fmt.Fprintf(w, "sieve filter: the site's marking script over %d messages of %d KiB, messages per second\n", messages, filterSize>>10)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\t%s\t%s\tratio\t\n", programs[0].name, programs[1].name)
	for _, cold := range []bool{true, false} {
		var rates [2][]float64
		for range max(o.runs, 1) {
			for i, p := range programs {
				if err := s.prepare(ctx, cold, p); err != nil {
					return err
				}
				took, err := s.run(ctx, p)
				if err != nil {
					return err
				}
				rates[i] = append(rates[i], float64(messages)/took.Seconds())
			}
		}
		first, second := middle(rates[0]), middle(rates[1])
		name := "warm caches"
		if cold {
			name = "cold caches"
		}
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.2f\t\n", name, first, second, second/first)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// filterSetup is the Maildir, a Dovecot that knows its user, and our configuration.
type filterSetup struct {
	dovecot *peer.Dovecot
	maildir string
	script  string
	config  string
}

type filterProgram struct {
	name    string
	command []string
}

func newFilterSetup(t *benchT, messages int) *filterSetup {
	user := peer.OneUID(1)[0]
	scripts := newSetup(t, benchCase{scripts: spamLearn})
	s := &filterSetup{script: filepath.Join(scripts.before, "20_rien-mark.sieve")}
	s.dovecot = peer.StartDovecot(t, peer.DovecotOptions{Users: []peer.User{user}, Sieve: true, PipeDir: scripts.pipeDir})
	s.maildir = filepath.Join(s.dovecot.Home(user.Name), "Maildir")
	for _, part := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(s.maildir, part), 0o700); err != nil {
			t.Fatalf("%v", err)
		}
	}
	for i := range messages {
		text := filterMessage(i)
		name := fmt.Sprintf("%d.M%dP1.bench,S=%d,W=%d:2,S", 1_700_000_000+i, i, len(text), len(text)+bytes.Count(text, []byte{'\n'}))
		if err := os.WriteFile(filepath.Join(s.maildir, "cur", name), text, 0o600); err != nil {
			t.Fatalf("%v", err)
		}
	}
	peer.Chown(t, s.maildir, user)
	s.config = storedConfig(t, s.dovecot, fmt.Sprintf(`
[sieve]
sieve_global_extensions = "+editheader"
sieve_extensions = "+vnd.dovecot.pipe +vnd.dovecot.environment"
sieve_pipe_bin_dir = "%s"
`, scripts.pipeDir))
	return s
}

// storedConfig writes our configuration for the mail of a Dovecot's users, and gives its path.
func storedConfig(t *benchT, d *peer.Dovecot, more string) string {
	name := filepath.Join(d.Dir, "dovetail.toml")
	text := fmt.Sprintf(`
auth_username_format = "%%n"
[mail]
mail_location = "maildir:~/Maildir"
[userdb]
driver = "static"
uid = "%d"
gid = "%d"
home = "%s/%%n"
`, peer.MailUID, peer.MailUID, d.Homes)
	if err := os.WriteFile(name, []byte(text+more), 0o644); err != nil {
		t.Fatalf("%v", err)
	}
	return name
}

// filterMessage makes the i-th message.
func filterMessage(i int) []byte {
	return storedMessage(i, filterSize, fmt.Sprintf("message %d", i), "")
}

// storedMessage makes the i-th message of a mailbox, of about size bytes; last is its last line.
func storedMessage(i, size int, subject, last string) []byte {
	var b bytes.Buffer
	for hop := range 3 {
		fmt.Fprintf(&b, "Received: from relay%d.example.net (relay%d.example.net [192.0.2.%d])\n\tby mx.example.org with ESMTPS id %08x;\n\tSun, 1 Nov 2026 12:30:%02d +0100\n", hop, hop, hop+1, i, i%60)
	}
	b.WriteString(filterHeaders[i%len(filterHeaders)])
	fmt.Fprintf(&b, "Subject: %s\nMessage-ID: <%d@example.net>\nDate: Sun, 1 Nov 2026 12:30:00 +0100\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n", subject, i)
	line := strings.Repeat("text ", 14) + "\n"
	size -= len(last)
	for b.Len() < size {
		b.WriteString(line[:min(len(line), max(size-b.Len(), 1))])
	}
	b.WriteString(last)
	return b.Bytes()
}

func (s *filterSetup) programs(o options) [2]filterProgram {
	return [2]filterProgram{
		{"sieve-filter", []string{"/usr/bin/sieve-filter", "-c", s.dovecot.Config, "-u", "user1", s.script, "INBOX"}},
		{"dovetail", []string{filepath.Join(filepath.Dir(o.program), "dovetail"), "-c", s.config, "sieve", "filter", "--global", "-u", "user1", s.script, "INBOX"}},
	}
}

// prepare makes all caches cold, or has p fill them.
func (s *filterSetup) prepare(ctx context.Context, cold bool, p filterProgram) error {
	if !cold {
		_, err := s.run(ctx, p)
		return err
	}
	names, err := filepath.Glob(filepath.Join(s.maildir, "dovecot.*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	settle()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
		return fmt.Errorf("making the caches cold: %w", err)
	}
	return nil
}

// run runs a program and tells how long it took.
func (s *filterSetup) run(ctx context.Context, p filterProgram) (time.Duration, error) {
	return timed(ctx, p.command)
}

// timed runs a command and tells how long it took.
func timed(ctx context.Context, command []string) (time.Duration, error) {
	return timedInput(ctx, os.DevNull, command)
}

// timedInput runs a command that reads a file and tells how long it took.
func timedInput(ctx context.Context, file string, command []string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	input, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer input.Close()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stderr = input, &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", filepath.Base(command[0]), err, tail(said.String()))
	}
	return time.Since(start), nil
}

// tail gives the end of what a program said.
func tail(s string) string { return s[max(0, len(s)-1000):] }
