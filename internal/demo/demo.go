// Package demo shows what dovetail does, on a machine that has nothing but the
// programs: it starts dovetail-lmtpd in a temporary folder with the scripts of a
// real site, sends it a few messages by LMTP, and reads back from the Maildirs
// where each of them ended up.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/emersion/go-smtp"

	"dovetail"
	"dovetail/internal/message"
	"dovetail/maildir"
)

// Users of the demo, with their scripts.
var users = []struct{ name, script string }{
	{"bert", "testdata/site/dovecot.sieve"},
	{"carla", "testdata/demo/rejects.sieve"},
}

// Options are the demo's surroundings.
type Options struct {
	Server string // path of dovetail-lmtpd
	Out    io.Writer
}

const mailLocation = "maildir:~/Maildir"

type demo struct {
	Options
	dir string
	log lines
}

// Run runs the demo. Everything is in a folder that is gone afterwards.
func Run(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "dovetail-demo")
	if err != nil {
		return fmt.Errorf("making the demo's folder: %w", err)
	}
	d := &demo{Options: o, dir: dir}
	return errors.Join(d.run(ctx), os.RemoveAll(dir))
}

func (d *demo) run(ctx context.Context) error {
	if err := d.prepare(); err != nil {
		return fmt.Errorf("preparing the demo: %w", err)
	}
	stop, err := d.start(ctx)
	if err != nil {
		return err
	}
	rows, err := d.sendAll()
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	if err := d.readBack(ctx, rows); err != nil {
		return err
	}
	return d.print(rows)
}

// prepare writes scripts, the learning program and the configuration. Mail must
// not belong to root: started as root, the demo delivers as nobody.
func (d *demo) prepare() error {
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = 65534, 65534
	}
	files := map[string]string{
		"sieve.d/20_mark.sieve": "testdata/site/20_rien-mark.sieve",
	}
	for _, u := range users {
		files["home/"+u.name+"/.dovecot.sieve"] = u.script
	}
	for to, from := range files {
		text, err := dovetail.Testdata.ReadFile(from)
		if err != nil {
			return err
		}
		if err := d.write(to, text, 0o644); err != nil {
			return err
		}
	}
	if err := d.write("bin/sa-learn-spam.sh", []byte("#!/bin/sh\nexec cat >/dev/null\n"), 0o755); err != nil {
		return err
	}
	if err := d.write("dovetail.toml", d.config(uid, gid), 0o644); err != nil {
		return err
	}
	err := filepath.WalkDir(filepath.Join(d.dir, "home"), func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(p, uid, gid)
	})
	if err != nil {
		return err
	}
	return os.Chmod(d.dir, 0o755) // last: before, nobody can put a link where root changes an owner
}

func (d *demo) write(name string, text []byte, mode fs.FileMode) error {
	p := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	return os.WriteFile(p, text, mode)
}

// row is a line of the table: one message to one user.
type row struct {
	user, subject, id string
	where, why        string
}

// sendAll sends each message to each user and notes what the server answered.
func (d *demo) sendAll() ([]*row, error) {
	entries, err := dovetail.Testdata.ReadDir("testdata/demo")
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("unix", d.socket())
	if err != nil {
		return nil, fmt.Errorf("connecting to the server: %w", err)
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	var rows []*row
	for _, e := range entries {
		if path.Ext(e.Name()) != ".eml" {
			continue
		}
		text, err := dovetail.Testdata.ReadFile("testdata/demo/" + e.Name())
		if err != nil {
			return nil, err
		}
		sent, err := send(c, text)
		if err != nil {
			return nil, fmt.Errorf("sending %s: %w", e.Name(), err)
		}
		rows = append(rows, sent...)
	}
	return rows, c.Quit()
}

// send sends one message to all users in one transaction.
func send(c *smtp.Client, text []byte) ([]*row, error) {
	m := message.Parse(text)
	id, _ := m.Get("Message-ID")
	subject, _ := m.Get("Subject")
	byUser := map[string]*row{}
	if err := c.Mail("sender@example.net", nil); err != nil {
		return nil, err
	}
	var rows []*row
	for _, u := range users {
		r := &row{user: u.name, subject: message.DecodeWords(subject), id: id}
		rows = append(rows, r)
		byUser[u.name+"@example.org"] = r
		if err := c.Rcpt(u.name+"@example.org", nil); err != nil {
			return nil, err
		}
	}
	w, err := c.Data()
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))); err != nil {
		return nil, err
	}
	var refused smtp.LMTPDataError
	if _, err := w.CloseWithLMTPResponse(); err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	for rcpt, status := range refused {
		byUser[rcpt].where = fmt.Sprintf("refused: %d %s", status.Code, status.Message)
	}
	return rows, nil
}

// readBack finds the messages in the users' Maildirs, and the reasons in the server's log.
func (d *demo) readBack(ctx context.Context, rows []*row) error {
	found := map[string]string{} // user and Message-ID to where
	for _, u := range users {
		if err := d.readMaildir(ctx, u.name, found); err != nil {
			return fmt.Errorf("reading the mail of %s: %w", u.name, err)
		}
	}
	reasons := d.log.reasons()
	for _, r := range rows {
		if where, ok := found[r.user+r.id]; ok {
			r.where = where
		} else if r.where == "" {
			r.where = "discarded"
		}
		r.why = reasons[r.user+r.id]
	}
	return nil
}

// readMaildir notes where each message of a user is.
func (d *demo) readMaildir(ctx context.Context, user string, found map[string]string) error {
	loc, err := maildir.ParseLocation(mailLocation)
	if err != nil {
		return err
	}
	store, err := maildir.Open(maildir.Options{Location: loc, Home: filepath.Join(d.dir, "home", user)})
	if err != nil {
		return err
	}
	boxes, err := store.Mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, box := range boxes {
		for e, err := range store.Entries(ctx, box) {
			if err != nil {
				return err
			}
			text, err := os.ReadFile(e.Path)
			if err != nil {
				return err
			}
			m := message.Parse(text)
			id, _ := m.Get("Message-ID")
			where := strings.Join(append([]string{box}, e.Flags...), " ")
			if mark, ok := m.Get("X-Sieve-Mark"); ok {
				where += ", marked " + mark
			}
			found[user+id] = where
		}
	}
	return nil
}

func (d *demo) print(rows []*row) error {
	w := tabwriter.NewWriter(d.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "MESSAGE\tUSER\tWHERE IT IS\tDECIDED BY")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.subject, r.user, r.where, r.why)
	}
	return w.Flush()
}
