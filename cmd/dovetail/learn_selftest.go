package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/handin"
	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/fsx"
	"dovetail/internal/message"
	"dovetail/internal/userdb"
	"dovetail/learn"
	"dovetail/learn/queue"
	"dovetail/learn/rule"
	"dovetail/learn/selftest"
	"dovetail/learn/teach"
)

// selftestOptions are the flags of `learn selftest`.
type selftestOptions struct {
	user, format string
	lookOnly     bool
	wait         time.Duration
	dovecot      selftest.Dovecot
}

func newLearnSelftest(flags *cli.Flags) *cobra.Command {
	o := selftestOptions{}
	cmd := &cobra.Command{
		Use:   "selftest -u USER",
		Short: "Find which link from an IMAP client to the spam filters is broken",
		Long: `Follow the whole way that a lesson of a user goes: Dovecot's plugins, the rules of
imapsieve, its scripts and the programs that they call (where doveconf is there);
the queue, which the user must be able to write; dovetail-learnd and its sockets;
and each back end, which is taught a probe as spam, and then as ham. What is
broken is shown with what to do about it.

The probe is the same short message every time, so that at most one message per user
stays in the back ends, as ham, with words that no other message has. With
--look-only no back end is taught, and nothing put into the queue.

Exit status: 0 when all works (there may be warnings), 1 when something is broken, 64
wrong usage, 78 broken configuration.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.user == "" {
				return cli.Usage(errors.New("flag --user is needed"))
			}
			c, err := flags.Load()
			if err != nil {
				return err
			}
			report := &selftest.Report{}
			o.run(cmd.Context(), c, report)
			write := report.Text
			if o.format == "json" {
				write = report.JSON
			}
			if err := write(cmd.OutOrStdout()); err != nil {
				return err
			}
			if n := report.Broken(); n > 0 {
				return failed(fmt.Errorf("%d of %d links are broken", n, len(report.Steps)))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.user, "user", "u", "", "whose lesson it would be: a name or an address")
	f.BoolVar(&o.lookOnly, "look-only", false, "teach no probe")
	f.DurationVar(&o.wait, "wait", 15*time.Second, "how long dovetail-learnd may take for the probe")
	f.StringVar(&o.dovecot.Doveconf, "doveconf", "", "Dovecot's `program` doveconf (default: the one in PATH)")
	f.StringVar(&o.dovecot.Sievec, "sievec", "", "Dovecot's `program` sievec (default: the one in PATH)")
	f.StringVar(&o.dovecot.Config, "dovecot-config", "", "Dovecot's configuration `file` (default: its own)")
	cli.Choice(f, &o.format, "format", "text, or json for one object", "text", "json")
	return cmd
}

// probing is a selftest under way.
type probing struct {
	*selftest.Report
	config *config.Config
	user   *userdb.User
	do     func(func() error) error // with the user's rights
	wait   time.Duration
}

// run follows the chain and adds a step to the report for each link.
func (o *selftestOptions) run(ctx context.Context, c *config.Config, r *selftest.Report) {
	resolver, err := cli.Resolver(c, "learn")
	if err != nil {
		r.Fail("user database", err, "look at [userdb]")
		return
	}
	rcpt, err := resolver.Resolve(ctx, o.user)
	if err != nil {
		r.Fail("user "+o.user, err, "`dovetail user test "+o.user+"` shows each step")
		return
	}
	u := rcpt.User
	r.OK("user "+u.Name, fmt.Sprintf("uid %d, home %s", u.UID, u.Home))
	p := probing{Report: r, config: c, user: u, do: fsx.Credentials{UID: u.UID, GID: u.GID, Groups: u.Groups}.Do, wait: o.wait}
	p.rights()
	p.readable()
	o.dovecot.Do = p.do
	o.dovecot.Check(ctx, r)
	p.sockets()

	var memory setup.Memory
	defer memory.Close()
	t, err := memory.Teaching(c, 0)
	if err != nil {
		r.Fail("back ends", err, "look at [learn] and [state]")
		return
	}
	if o.lookOnly {
		r.Skip("back ends", "--look-only")
		p.drainer(t.Queue)
		return
	}
	for _, pupil := range t.Pupils {
		p.backend(ctx, pupil)
	}
	p.throughQueue(ctx, t.Queue)
}

// rights looks whether anything can be learned for the user at all.
func (p *probing) rights() {
	off := false
	err := p.do(func() error { off = handin.SwitchedOff(p.user.Home); return nil })
	switch {
	case err != nil:
		p.Fail("rights of the user", err, "run the test as root")
	case off:
		p.Warn("switch of the user", "nothing is learned: there is ~/"+rule.OffFile, "rm ~/"+rule.OffFile)
	}
}

// readable looks whether the programs learn-spam and learn-ham, which run as the user,
// can read the configuration.
func (p *probing) readable() {
	file := p.config.File()
	if file == "" {
		p.Skip("configuration", "there is no file")
		return
	}
	err := p.do(func() error {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		return f.Close()
	})
	if err != nil {
		p.Fail("configuration "+file, userdb.Access(file, err),
			"learn-spam and learn-ham read it as the user: chmod a+r it, with passwords in files of their own (password_file)")
		return
	}
	p.OK("configuration "+file, "the user can read it")
}

// sockets looks whether learnd answers at its sockets.
func (p *probing) sockets() {
	for _, dir := range p.config.Learn.SocketDirs {
		for _, name := range []string{"learn-spam", "learn-ham"} {
			path := filepath.Join(dir, name)
			err := p.do(func() error {
				c, err := net.DialTimeout("unix", path, 5*time.Second)
				if err != nil {
					return err
				}
				return c.Close()
			})
			if err != nil {
				p.Fail("socket "+path, userdb.Access(path, err), "start dovetail-learnd, or look at socket_mode and socket_group of [learn]")
			} else {
				p.OK("socket "+path, "")
			}
		}
	}
}

// probeText is the message that is taught. Filters refuse what is too short or is
// no language, so it is English; its mark is no word of any other message.
const probeText = `From: selftest@dovetail.invalid
To: %[1]s
Subject: Selftest of dovetail for %[1]s
Date: Sat, 21 Nov 2026 12:00:00 +0000
Message-ID: <selftest-%[2]s@dovetail.invalid>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

This message was made by the selftest of the mail server. It is given to the
filter as spam and right after that as a good message, so that the administrator
sees that both of them arrive. Nobody has to read it, and nothing has to be done
about it. The mark xdovetailselftestx makes it different from all the letters
that people write to each other about their work, their families and the weather.
`

// probe gives the message for the user.
func (p *probing) probe() (*message.Message, learn.Hash, error) {
	id := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune(`<>@"\()`, r) {
			return r
		}
		return '_'
	}, p.user.Name)
	m := message.Parse(fmt.Appendf(nil, probeText, p.user.Name, id))
	h, err := learn.HashOf(m)
	return m, h, err
}

// backend teaches a back end the probe as spam, and then as ham.
func (p *probing) backend(ctx context.Context, pupil *teach.Pupil) {
	step := "back end " + pupil.Backend.Name()
	m, hash, err := p.probe()
	if err != nil {
		p.Fail(step, err, "")
		return
	}
	var outcomes []string
	for _, class := range []learn.Class{learn.Spam, learn.Ham} {
		result := pupil.Teach(ctx, p.user.Name, []teach.Item{{Hash: hash, Class: class, At: time.Now(), Message: m}})[0]
		switch {
		case result.Err != nil:
			p.Fail(step, fmt.Errorf("the probe as %s: %w", class, result.Err), "see that it runs, and [learn] of the configuration")
			return
		case result.Outcome == learn.Refused:
			p.Warn(step, fmt.Sprintf("it answers, and refused the probe as %s: %s", class, result.Reason), "lessons like that are not learned; see the filter's conditions")
			return
		}
		outcomes = append(outcomes, fmt.Sprintf("%s %s", class, result.Outcome))
	}
	p.OK(step, strings.Join(outcomes, ", "))
}

// drainer looks whether somebody drains the queue.
func (p *probing) drainer(q *queue.Queue) bool {
	unlock, err := q.Lock()
	switch {
	case errors.Is(err, queue.ErrLocked):
		p.OK("dovetail-learnd", q.Holder())
		return true
	case err != nil:
		p.Fail("dovetail-learnd", err, queue.Mend(q.Dir(), err))
		return false
	}
	unlock()
	p.Fail("dovetail-learnd", errors.New("nobody drains the queue "+q.Dir()), "start dovetail-learnd")
	return false
}

// throughQueue puts the probe into the queue as learn-ham does, and waits until
// learnd has taken it out.
func (p *probing) throughQueue(ctx context.Context, q *queue.Queue) {
	id, err := p.put(ctx)
	if err != nil {
		p.Fail("queue "+q.Dir(), err, queue.Mend(q.Dir(), err))
		return
	}
	p.OK("queue "+q.Dir(), "the user can write")
	if p.drainer(q) {
		err := p.drained(ctx, q, id)
		if err == nil {
			p.OK("from the queue", "")
			return
		}
		p.Fail("from the queue", err, "see the log of dovetail-learnd, and `dovetail learn status`")
	}
	if err := q.Remove(id); err != nil {
		p.Warn("from the queue", "the probe stays there: "+err.Error(), "dovetail learn queue drop "+id)
	}
}

func (p *probing) put(ctx context.Context) (id string, err error) {
	m, _, err := p.probe()
	if err != nil {
		return "", err
	}
	lesson := learn.Lesson{User: p.user.Name, Class: learn.Ham, At: time.Now(), Origin: learn.Probe}
	var text io.Reader = m.Open()
	err = p.do(func() error {
		q, err := queue.Open(p.config.Learn.QueueDir, fsx.OS{})
		if err != nil {
			return err
		}
		id, err = q.Put(ctx, lesson, text)
		return err
	})
	return id, err
}

// drained waits until a lesson is not in the queue any more.
func (p *probing) drained(ctx context.Context, q *queue.Queue, id string) error {
	for deadline := time.Now().Add(p.wait); ; time.Sleep(50 * time.Millisecond) {
		if _, err := q.Entry(id); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the probe is still there after %v", p.wait)
		}
	}
}
