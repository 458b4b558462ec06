package submission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"dovetail/internal/mailerr"
	"dovetail/internal/message"
)

// mta is an SMTP server that notes what it gets and refuses what it is told to.
type mta struct {
	got    []string          // one line per message that was taken
	refuse map[string]error  // by "MAIL addr", "RCPT addr" or "DATA"
	from   string            // of the message under way
	opts   *smtp.MailOptions // of the message under way
	to     []string
}

func (m *mta) NewSession(*smtp.Conn) (smtp.Session, error) { return m, m.refuse["EHLO"] }
func (m *mta) Reset()                                      { m.to = nil }
func (m *mta) Logout() error                               { return nil }
func (m *mta) Mail(from string, opts *smtp.MailOptions) error {
	m.from, m.opts = from, opts
	return m.refuse["MAIL "+from]
}
func (m *mta) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = append(m.to, to)
	return m.refuse["RCPT "+to]
}
func (m *mta) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := m.refuse["DATA"]; err != nil {
		return err
	}
	m.got = append(m.got, fmt.Sprintf("<%s> %v size=%d utf8=%v body=%s %q", m.from, m.to, m.opts.Size, m.opts.UTF8, m.opts.Body, body))
	return nil
}

// start serves m and gives a client for it.
func (m *mta) start(t *testing.T, utf8 bool) *SMTP {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.NewServer(m)
	srv.EnableSMTPUTF8 = utf8
	srv.ErrorLog = nullLog{}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Close()
		l.Close() // Serve may not have begun before Close
		<-served
	})
	return &SMTP{Addr: l.Addr().String(), Hello: "mx.example.org"}
}

type nullLog struct{}

func (nullLog) Printf(string, ...any) {}
func (nullLog) Println(...any)        {}

func TestSMTP(t *testing.T) {
	raw := "Subject: x\n\n.dot\nKäse\nlast line without end"
	m := message.Parse([]byte(raw))
	wire := strings.ReplaceAll(raw, "\n", "\r\n") + "\r\n"
	for _, tt := range []struct {
		name string
		from string
		to   []string
		utf8 bool // offered
		want string
		perm bool
		err  string
	}{
		{name: "one", from: "a@b", to: []string{"c@d"}, want: fmt.Sprintf("<a@b> [c@d] size=%d utf8=false body=8BITMIME %q", m.VirtualSize(), wire)},
		{name: "null sender, two recipients", to: []string{"c@d", "e@f"}, want: "<> [c@d e@f] "},
		{name: "utf8", from: "é@b", to: []string{"c@d"}, utf8: true, want: "<é@b> [c@d] size=48 utf8=true "},
		{name: "utf8 not offered", from: "a@b", to: []string{"é@d"}, perm: true, err: "SMTPUTF8"},
		{name: "no recipient", from: "a@b", perm: true, err: "no recipient"},
		{name: "line break", from: "a@b", to: []string{"c@d>\r\nRCPT TO:<e@f"}, perm: true, err: "invalid address"},
		{name: "brackets", from: "a@b> SIZE=1 <", to: []string{"c@d"}, perm: true, err: "invalid address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := &mta{}
			err := server.start(t, tt.utf8).Send(t.Context(), tt.from, tt.to, m)
			if tt.err != "" {
				check(t, err, tt.perm, tt.err)
				if len(server.got) > 0 {
					t.Errorf("sent all the same: %v", server.got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(server.got) != 1 || !strings.HasPrefix(server.got[0], tt.want) {
				t.Errorf("the server got\n%q, want\n%q", server.got, tt.want)
			}
		})
	}
}

func check(t *testing.T, err error, perm bool, text string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if mailerr.IsPermanent(err) != perm || !strings.Contains(err.Error(), text) {
		t.Errorf("%q, permanent %v; want %q, permanent %v", err, !perm, text, perm)
	}
	if p := mailerr.Of(err).Public; p != public {
		t.Errorf("public text %q", p)
	}
}

func TestSMTPRefusals(t *testing.T) {
	m := message.Parse([]byte("A: b\n\nc\n"))
	permanently := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "not you"}
	later := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "later"}
	for _, tt := range []struct {
		at   string
		err  error
		perm bool
	}{
		{"EHLO", permanently, false}, // the server's trouble, not the message's
		{"MAIL a@b", permanently, true},
		{"MAIL a@b", later, false},
		{"RCPT e@f", permanently, true},
		{"RCPT e@f", later, false},
		{"DATA", permanently, true},
		{"DATA", later, false},
	} {
		t.Run(tt.at, func(t *testing.T) {
			server := &mta{refuse: map[string]error{tt.at: tt.err}}
			err := server.start(t, false).Send(t.Context(), "a@b", []string{"c@d", "e@f"}, m)
			check(t, err, tt.perm, tt.err.(*smtp.SMTPError).Message)
			if e := mailerr.Of(err); tt.perm && e.Status != [3]int{5, 7, 1} {
				t.Errorf("status %v, want the server's", e.Status)
			}
			if len(server.got) > 0 {
				t.Errorf("sent to the others: %v", server.got)
			}
		})
	}
}

func TestSMTPUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	m := message.Parse([]byte("A: b\n\n"))
	// Nobody answers.
	s := &SMTP{Addr: l.Addr().String(), Timeout: 50 * time.Millisecond}
	check(t, s.Send(t.Context(), "a@b", []string{"c@d"}, m), false, "deadline exceeded")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, s.Send(ctx, "a@b", []string{"c@d"}, m), false, "canceled")
	// Nobody is there.
	check(t, (&SMTP{Addr: "127.0.0.1:1"}).Send(t.Context(), "a@b", []string{"c@d"}, m), false, "refused")
}

// A message that cannot be read to its end must not be sent as if that were all.
func TestSMTPUnreadableMessage(t *testing.T) {
	spool := message.NewSpool(t.TempDir(), 100)
	spool.Write([]byte("A: b\n\n"))
	spool.Write(bytes.Repeat([]byte("x"), 1<<20))
	m, err := spool.Message()
	if err != nil {
		t.Fatal(err)
	}
	spool.Close()
	server := &mta{}
	check(t, server.start(t, false).Send(t.Context(), "a@b", []string{"c@d"}, m), false, "closed")
	if len(server.got) > 0 {
		t.Errorf("sent: %.100q", server.got)
	}
}

// fakeSendmail writes a shell script that notes its arguments, environment and input.
func fakeSendmail(t *testing.T, body string) (s *Sendmail, dir string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, "sendmail")
	script := "#!/bin/sh\ncd " + dir + "\n" + body
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return &Sendmail{Path: path}, dir
}

func TestSendmail(t *testing.T) {
	t.Setenv("LD_PRELOAD_OF_ANOTHER_KIND", "secret")
	s, dir := fakeSendmail(t, `for a; do echo "[$a]"; done > args; env > env; cat > input`)
	raw := "Subject: x\n\n.\nbody\n"
	if err := s.Send(t.Context(), "", []string{"-oQ/tmp", "c d@e"}, message.Parse([]byte(raw))); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"args":  "[-i]\n[-f]\n[<>]\n[--]\n[-oQ/tmp]\n[c d@e]\n",
		"input": raw,
	} {
		got, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", file, got, err, want)
		}
	}
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil || strings.Contains(string(env), "secret") || !strings.Contains(string(env), programPath) {
		t.Errorf("environment %q, %v", env, err)
	}
}

func TestSendmailFails(t *testing.T) {
	big := message.Parse(bytes.Repeat([]byte("A: 0123456789\n"), 100<<10))
	small := message.Parse([]byte("A: b\n\nc\n"))
	for _, tt := range []struct {
		name string
		body string
		m    *message.Message
		perm bool
		err  string
	}{
		{"no user", "cat >/dev/null; echo nobody there >&2; exit 67", small, true, `exit status 67: "nobody there"`},
		{"data", "cat >/dev/null; exit 65", small, true, "exit status 65"},
		{"temporary", "cat >/dev/null; exit 75", small, false, "exit status 75"},
		{"usage", "exit 64", small, false, "exit status 64"},
		{"killed", "kill -9 $$", small, false, "signal: killed"},
		{"not all read", "exit 0", big, false, "did not read"},
		{"much output", "cat >/dev/null; yes | head -c 100000; exit 75", small, false, "exit status 75"},
		{"too slow", "sleep 20 & wait", small, false, "deadline exceeded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := fakeSendmail(t, tt.body)
			if tt.name == "too slow" {
				s.Timeout = 200 * time.Millisecond
			}
			err := s.Send(t.Context(), "a@b", []string{"c@d"}, tt.m)
			check(t, err, tt.perm, tt.err)
			if len(err.Error()) > 3*maxOutput {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		err := (&Sendmail{Path: "/nonexistent/sendmail"}).Send(t.Context(), "a@b", []string{"c@d"}, small)
		check(t, err, false, "no such file")
		if !errors.Is(err, os.ErrNotExist) {
			t.Error("the cause is lost")
		}
	})
	t.Run("bad address", func(t *testing.T) {
		s, dir := fakeSendmail(t, "touch ran")
		check(t, s.Send(t.Context(), "a@b", []string{"c\nd"}, small), true, "invalid address")
		if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
			t.Error("it ran")
		}
	})
}
