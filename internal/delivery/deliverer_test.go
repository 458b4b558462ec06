package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/mem"
	"dovetail/internal/message"
	"dovetail/internal/program"
	"dovetail/internal/userdb"
	"dovetail/sieve"
)

// site is a Deliverer with stores in memory, for users that exist by name.
type site struct {
	*Deliverer
	dir    string
	stores map[string]*mem.Store
	log    bytes.Buffer
	sink   sink
}

type users map[string]error

func (u users) Resolve(_ context.Context, address string) (*userdb.Recipient, error) {
	local, _, _ := strings.Cut(address, "@")
	name, detail, _ := strings.Cut(local, "+")
	if err, ok := u[name]; ok {
		return nil, err
	}
	uid := uint32(12345)
	if euid := os.Geteuid(); euid != 0 {
		uid = uint32(euid)
	}
	return &userdb.Recipient{Address: address, Detail: detail, User: &userdb.User{Name: name, UID: uid, GID: uid, Home: "/nonexistent/" + name}}, nil
}

// newSite runs the site's marking script and, for every user, the script given.
func newSite(t *testing.T, userScript string) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), stores: map[string]*mem.Store{}}
	if err := os.Chmod(filepath.Dir(s.dir), 0o755); err != nil { // programs run as another user
		t.Fatal(err)
	}
	e, err := sieve.New(sieve.Options{Extensions: "+vnd.dovecot.pipe +vnd.dovecot.execute +vnd.dovecot.environment +vnd.dovecot.debug", GlobalExtensions: "+editheader"})
	if err != nil {
		t.Fatal(err)
	}
	scripts := &Scripts{
		Before: []string{"../../testdata/site/20_rien-mark.sieve"},
		User:   func(*userdb.User) string { return userScript },
	}
	scripts.Init(ScriptOptions{Engine: e, MaxSize: 1 << 20, Now: time.Now})
	if err := scripts.Check(); err != nil {
		t.Fatal(err)
	}
	x := newExecutor(&s.sink)
	x.AutoCreate = true
	s.Deliverer = &Deliverer{
		Users: users{"nobody": mailerr.NoUser("nobody@example.org"), "fault": errors.New("ldap is down")},
		Stores: func(r *Recipient) (mailstore.Store, error) {
			if s.stores[r.User.Name] == nil {
				s.stores[r.User.Name] = mem.New()
			}
			return s.stores[r.User.Name], nil
		},
		Scripts: scripts, Executor: x, Log: slog.New(slog.NewJSONHandler(&s.log, nil)),
		Programs: Programs{Pipe: program.Runner{Dir: s.dir, Timeout: 2 * time.Minute}},
	}
	s.learn(t, 0)
	return s
}

// learn puts a learning program in place that notes what it got and ends with status.
func (s *site) learn(t *testing.T, status int) {
	t.Helper()
	out := filepath.Join(s.dir, "learned")
	if err := os.WriteFile(out, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(out, 0o666); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("#!/bin/sh\ngrep -i ^subject: >> %s\nexit %d\n", out, status)
	if err := os.WriteFile(filepath.Join(s.dir, "sa-learn-spam.sh"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (s *site) learned(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "learned"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte("ubject"))
}

func (s *site) deliver(t *testing.T, m *message.Message, to ...string) []error {
	t.Helper()
	tx := &Transaction{ID: "T1", From: "sender@example.net", Helo: "client", Protocol: "LMTP", Message: m, Trace: true}
	for _, a := range to {
		r, err := s.Accept(t.Context(), a, "", 0)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		tx.Recipients = append(tx.Recipients, r)
	}
	return s.Deliver(t.Context(), tx)
}

func demoMessage(t *testing.T, name string) *message.Message {
	t.Helper()
	files, err := filepath.Glob("../../testdata/demo/" + name + "*.eml")
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %v %v", name, files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return message.Parse(b)
}

// The site's marking script and a user's script together, as they are.
func TestSiteAndUserScript(t *testing.T) {
	tests := []struct {
		message, want, mark string
		learned             int
		status              int // of the learning program
	}{
		{message: "01", want: "INBOX"},
		{message: "02", want: "Spam Junk", mark: "Spam", learned: 1},
		{message: "02", want: "Spam Junk", mark: "Spam", learned: 1, status: 1}, // a learning program that says no changes nothing
		{message: "03", want: "", learned: 1},
		{message: "04", want: "INBOX", mark: "Sysadmin"},
		{message: "05", want: "INBOX", mark: "SocialNetwork"},
		{message: "06", want: "INBOX", mark: "Cpu"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s status %d", tt.message, tt.status), func(t *testing.T) {
			s := newSite(t, "../../testdata/site/dovecot.sieve")
			s.learn(t, tt.status)
			if errs := s.deliver(t, demoMessage(t, tt.message), "anna@example.org"); errs[0] != nil {
				t.Fatal(errs[0])
			}
			if got := boxes(t, s.stores["anna"]); got != tt.want {
				t.Errorf("in %q, want %q", got, tt.want)
			}
			if got := s.learned(t); got != tt.learned {
				t.Errorf("learned %d times, want %d", got, tt.learned)
			}
			for _, box := range []string{"INBOX", "Spam"} {
				for _, m := range s.stores["anna"].Messages(box) {
					if mark, _ := m.Get("X-Sieve-Mark"); mark != tt.mark {
						t.Errorf("marked %q, want %q", mark, tt.mark)
					}
				}
			}
		})
	}
}

func TestBrokenUserScriptKeepsTheMail(t *testing.T) {
	home := t.TempDir()
	if err := os.Chmod(filepath.Dir(home), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(home, 0o777); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(home, "my.sieve")
	if err := os.WriteFile(script, []byte("fileinto \"x\";\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, script)
	if errs := s.deliver(t, demoMessage(t, "01"), "anna@example.org"); errs[0] != nil {
		t.Fatal(errs[0])
	}
	if got := boxes(t, s.stores["anna"]); got != "INBOX" {
		t.Errorf("in %q", got)
	}
	log, err := os.ReadFile(script + ".log")
	if err != nil || !strings.Contains(string(log), "fileinto") {
		t.Errorf("user's log %q, %v", log, err)
	}
}

// What a script says while it runs goes to its user; an error that ends it, once.
func TestUserScriptSpeaks(t *testing.T) {
	home := t.TempDir()
	if err := os.Chmod(filepath.Dir(home), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(home, 0o777); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(home, "my.sieve")
	for text, want := range map[string]string{
		`require "vnd.dovecot.debug"; debug_log "reached";`:            `DEBUG: reached`,
		`require "date"; if currentdate "century" "21" { discard; }`:   `warning: specified date part`,
		`require ["variables", "fileinto"]; fileinto "${x}"; # broken`: `my:1:36: fileinto command`,
	} {
		if err := os.Remove(script + ".log"); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s := newSite(t, script)
		if errs := s.deliver(t, demoMessage(t, "01"), "anna@example.org"); errs[0] != nil {
			t.Fatal(errs[0])
		}
		log, err := os.ReadFile(script + ".log")
		if err != nil || strings.Count(string(log), "\n") != 1 || !strings.Contains(string(log), want) {
			t.Errorf("%s: user's log %q, %v", text, log, err)
		}
	}
}

func TestAnswersOneByOne(t *testing.T) {
	s := newSite(t, "")
	for address, code := range map[string]int{"nobody@example.org": 550, "fault@example.org": 451} {
		if _, err := s.Accept(t.Context(), address, "", 0); err == nil || mailerr.Of(err).Code != code {
			t.Errorf("%s: %v", address, err)
		}
	}
	s.stores["full"] = mem.New()
	s.stores["full"].Quota = func(string, int64) error { return mailerr.QuotaFull("full@example.org", false) }
	errs := s.deliver(t, demoMessage(t, "01"), "a@example.org", "full@example.org", "a+x@example.org", "a@example.org")
	got := make([]string, 0, len(errs))
	for _, err := range errs {
		if err == nil {
			got = append(got, "ok")
		} else {
			got = append(got, mailerr.Of(err).Reply())
		}
	}
	want := []string{"ok", "5.2.2 <full@example.org> Quota exceeded (mailbox for user is full)", "ok", "ok"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	// a and a+x are two copies, as with Dovecot; a given twice is one.
	if n := len(s.stores["a"].Messages("INBOX")); n != 2 {
		t.Errorf("%d copies for a", n)
	}
	s.Settings.RcptCheckQuota = true
	if _, err := s.Accept(t.Context(), "full@example.org", "", 100); err == nil || mailerr.Of(err).Code != 552 {
		t.Errorf("quota at RCPT: %v", err)
	}
}

func TestDetailMailbox(t *testing.T) {
	s := newSite(t, "")
	s.Settings.SaveToDetailMailbox = true
	s.deliver(t, demoMessage(t, "01"), "a+lists@example.org")
	if got := boxes(t, s.stores["a"]); got != "lists" {
		t.Errorf("in %q", got)
	}
	s.Executor.AutoCreate = false
	s.deliver(t, demoMessage(t, "01"), "a+none@example.org")
	if got := boxes(t, s.stores["a"]); got != "INBOX; lists" {
		t.Errorf("without autocreate in %q", got)
	}
}

func TestTraceFields(t *testing.T) {
	s := newSite(t, "")
	s.Settings.AddReceivedHeader, s.Settings.Hostname = true, "mx.example.org"
	s.Executor.Now = func() time.Time { return time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC) }
	s.deliver(t, message.Parse([]byte("A: b\n\nx")), "a@example.org")
	b, err := io.ReadAll(s.stores["a"].Messages("INBOX")[0].Open())
	if err != nil {
		t.Fatal(err)
	}
	want := "Return-Path: <sender@example.net>\nDelivered-To: a@example.org\nReceived: from client\n\tby mx.example.org with LMTP\n\tid T1\n\t(envelope-from <sender@example.net>)\n\tfor <a@example.org>; Sat, 21 Nov 2026 09:00:00 +0000\nA: b\n\nx"
	if string(b) != want {
		t.Errorf("got %q", b)
	}
	s.deliver(t, message.Parse([]byte("A: b\n\nx")), "b@example.org", "c@example.org")
	m := s.stores["b"].Messages("INBOX")[0]
	if v, ok := m.Get("Delivered-To"); ok {
		t.Errorf("one recipient of two is told: %s", v)
	}
	if v, _ := m.Get("Received"); strings.Contains(v, "for <") {
		t.Errorf("one recipient of two is told: %s", v)
	}
}

func TestOutcomeLine(t *testing.T) {
	s := newSite(t, "../../testdata/site/dovecot.sieve")
	s.deliver(t, demoMessage(t, "02"), "anna@example.org", "anna@example.org")
	var line map[string]any
	if err := json.Unmarshal(s.log.Bytes(), &line); err != nil { // one line for one recipient
		t.Fatalf("%v in %s", err, s.log.String())
	}
	for key, want := range map[string]any{
		"msg": "delivery", "session": "T1", "msgid": "<02@example.com>", "from": "sender@example.net",
		"to": "anna@example.org", "user": "anna", "mailbox": "Spam", "sent": "|sa-learn-spam.sh",
		"outcome": "stored", "decided": "dovecot:14",
	} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if _, ok := line["ms"].(float64); !ok {
		t.Error("no duration")
	}
}

// A hostile header does not fill the log.
func TestOutcomeLineIsBounded(t *testing.T) {
	s := newSite(t, "")
	m := message.Parse([]byte("Message-ID: <" + strings.Repeat("x", 1<<20) + ">\n\nHi\n"))
	if errs := s.deliver(t, m, "anna@example.org"); errs[0] != nil || s.log.Len() > 2000 {
		t.Errorf("%d bytes in the log, %v", s.log.Len(), errs)
	}
}

// A panic of one delivery does not count against its user for ever.
func TestConcurrencyLimitAfterPanic(t *testing.T) {
	s := newSite(t, "")
	s.Stores = func(*Recipient) (mailstore.Store, error) { panic("stores") }
	func() {
		defer func() { _ = recover() }()
		s.deliver(t, demoMessage(t, "01"), "a@example.org")
	}()
	if len(s.busy) != 0 {
		t.Errorf("still counted: %v", s.busy)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	s := newSite(t, "")
	s.Settings.UserConcurrencyLimit = 1
	if !s.claim("a") {
		t.Fatal("the first was refused")
	}
	errs := s.deliver(t, demoMessage(t, "01"), "a@example.org", "b@example.org")
	if errs[0] == nil || mailerr.Of(errs[0]).Code != 451 || errs[1] != nil {
		t.Errorf("got %v", errs)
	}
	s.release("a")
	if errs := s.deliver(t, demoMessage(t, "01"), "a@example.org"); errs[0] != nil {
		t.Errorf("after release: %v", errs[0])
	}
	if len(s.busy) != 0 {
		t.Errorf("still counted: %v", s.busy)
	}
}
