package source_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/klauspost/compress/zstd"

	"dovetail/internal/peer"
	"dovetail/learn/source"
)

// read opens a source and gives the subjects of its messages, and the errors.
func read(t *testing.T, name string, o source.Options) (subjects []string, errs []error) {
	t.Helper()
	s, err := source.Open(context.Background(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	for m, err := range s.Messages(context.Background()) {
		n++
		if err != nil {
			errs = append(errs, err)
			continue
		}
		subject, _ := m.Get("Subject")
		subjects = append(subjects, subject)
	}
	if total := s.Total(); total >= 0 && total < n {
		t.Errorf("%s: %d messages, and Total said %d", name, n, total)
	}
	slices.Sort(subjects)
	return subjects, errs
}

func text(subject string) string {
	return "From: a@example.net\nSubject: " + subject + "\nDate: Sat, 21 Nov 2026 08:00:00 +0000\n\nText of " + subject + "\n"
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// maildir makes both parts, and the tmp that nobody reads.
func maildir(t *testing.T, dir string, messages ...string) {
	t.Helper()
	write(t, dir+"/tmp/half", text("half"))
	write(t, dir+"/dovecot-uidlist", "3 V1 N1\n")
	for i, m := range messages {
		write(t, fmt.Sprintf("%s/%s/%d.M1P1.h:2,", dir, []string{"cur", "new"}[i%2], i), text(m))
	}
	for _, part := range []string{"cur", "new"} {
		if err := os.MkdirAll(filepath.Join(dir, part), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func gz(t *testing.T, s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zst(t *testing.T, s string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(s), nil))
}

func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	maildir(t, dir+"/plusplus", "a", "b")
	maildir(t, dir+"/plusplus/.Sub", "c")
	write(t, dir+"/plusplus/.Sub/maildirfolder", "")
	maildir(t, dir+"/fs/INBOX", "d")
	maildir(t, dir+"/fs/Archive/2026", "e", "f")
	maildir(t, dir+"/box/tmp/Maildir", "below tmp")
	write(t, dir+"/plain/1.eml", text("g"))
	write(t, dir+"/plain/deeper/2", gz(t, text("h")))
	write(t, dir+"/plain/3.zst", zst(t, text("i")))
	write(t, dir+"/plain/.hidden", text("hidden"))
	if err := os.Symlink(dir+"/plusplus/cur/0.M1P1.h:2,", dir+"/plain/link"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(dir+"/plain/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"plusplus": "a b c", "plusplus/.Sub": "c", "fs": "d e f", "plain": "g h i", "box": "below tmp", "plusplus/cur": "a",
	} {
		got, errs := read(t, filepath.Join(dir, name), source.Options{})
		if strings.Join(got, " ") != want || len(errs) > 0 {
			t.Errorf("%s: %q, %v; wanted %q", name, got, errs, want)
		}
	}
}

func TestSince(t *testing.T) {
	dir := t.TempDir()
	maildir(t, dir, "old", "new")
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for name, at := range map[string]time.Time{"/cur/0.M1P1.h:2,": day.Add(-time.Hour), "/new/1.M1P1.h:2,": day} {
		if err := os.Chtimes(dir+name, time.Time{}, at); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := read(t, dir, source.Options{Since: day}); !slices.Equal(got, []string{"new"}) {
		t.Errorf("%q", got)
	}
}

const mboxText = "From a@example.net Sat Nov 21 08:00:00 2026\n" +
	"Subject: one\nDate: Sat, 21 Nov 2026 08:00:00 +0000\n\nText\n>From here on\n\nFrom there on\n\n" +
	"From b@example.net Sat Nov 21 08:00:00 2026\nSubject: two\nDate: Sun, 1 Nov 2026 08:00:00 +0000\n\nText\n"

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/mbox", mboxText)
	write(t, dir+"/mbox.gz", gz(t, mboxText))
	write(t, dir+"/one.eml", text("single"))
	for name, want := range map[string]string{"mbox": "one two", "mbox.gz": "one two", "one.eml": "single"} {
		got, errs := read(t, filepath.Join(dir, name), source.Options{})
		if strings.Join(got, " ") != want || len(errs) > 0 {
			t.Errorf("%s: %q, %v; wanted %q", name, got, errs, want)
		}
	}
	write(t, dir+"/broken.gz", gz(t, mboxText)[:len(gz(t, mboxText))-4])
	if got, errs := read(t, dir+"/broken.gz", source.Options{}); len(got) != 2 || len(errs) != 1 || !strings.Contains(errs[0].Error(), "broken.gz") {
		t.Errorf("broken: %q, %v", got, errs)
	}
	got, _ := read(t, dir+"/mbox", source.Options{Since: time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)})
	if !slices.Equal(got, []string{"one"}) {
		t.Errorf("since: %q", got)
	}
}

// A message that cannot be read is named, and does not stop the others.
func TestBadMessages(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/1-big", text("big")+strings.Repeat("x", 2000))
	write(t, dir+"/2-bomb", gz(t, strings.Repeat("\n", 1<<20)))
	write(t, dir+"/3-xz", "\xfd7zXZ\x00rest")
	write(t, dir+"/4-broken", gz(t, text("broken"))[:20])
	write(t, dir+"/5-good", text("good"))
	got, errs := read(t, dir, source.Options{MaxSize: 1000})
	if !slices.Equal(got, []string{"good"}) || len(errs) != 4 {
		t.Fatalf("%q, %v", got, errs)
	}
	for i, want := range []string{"1-big", "2-bomb", "3-xz", "4-broken"} {
		if !strings.Contains(errs[i].Error(), want) || errors.Is(errs[i], source.ErrTooBig) != (i < 2) {
			t.Errorf("%s: %v", want, errs[i])
		}
	}
}

// A FIFO that took the place of a message, and that somebody holds open, is not waited for.
func TestSwappedMessage(t *testing.T) {
	dir := t.TempDir()
	name := dir + "/1"
	write(t, name, text("one"))
	s, err := source.Open(t.Context(), dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o600)); err != nil {
		t.Fatal(err)
	}
	holder, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Second, func() { holder.Close() })
	for _, err := range s.Messages(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("error %v", err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	for _, name := range []string{"/nonexistent", "/dev/null", "imap://host/x", "imaps://u:secret@host/x", "imap://u@127.0.0.1:1/x", "ftp://x/y"} {
		s, err := source.Open(context.Background(), name, source.Options{Password: func() (string, error) { return "pw", nil }})
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that says less of a message's size than it sends does not fill the memory.
func TestLyingServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "* OK [CAPABILITY IMAP4rev1] ready\r\n")
		for in := bufio.NewScanner(c); in.Scan(); {
			tag, command, _ := strings.Cut(in.Text(), " ")
			switch {
			case strings.HasPrefix(command, "UID SEARCH"):
				fmt.Fprint(c, "* SEARCH 1 2\r\n")
			case strings.HasPrefix(command, "UID FETCH") && strings.Contains(command, "RFC822.SIZE"):
				for uid := 1; uid <= 2; uid++ {
					fmt.Fprintf(c, "* %d FETCH (UID %d RFC822.SIZE 10 INTERNALDATE \"21-Nov-2026 08:00:00 +0000\")\r\n", uid, uid)
				}
			case strings.HasPrefix(command, "UID FETCH"):
				large := text("large") + strings.Repeat("x", 5000)
				fmt.Fprintf(c, "* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n* 2 FETCH (UID 2 BODY[] {%d}\r\n%s)\r\n", len(large), large, len(text("small")), text("small"))
			}
			fmt.Fprintf(c, "%s OK done\r\n", tag)
		}
	}()
	url := "imap://user1@" + l.Addr().String() + "/INBOX"
	got, errs := read(t, url, source.Options{MaxSize: 1000, Password: func() (string, error) { return "secret", nil }})
	if !slices.Equal(got, []string{"small"}) || len(errs) != 1 || !errors.Is(errs[0], source.ErrTooBig) || !strings.Contains(errs[0].Error(), ":1: ") {
		t.Errorf("%q, %v", got, errs)
	}
}

func TestIMAP(t *testing.T) {
	peer.Need(t, peer.Root, peer.Dovecot23)
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(1)})
	c := peer.IMAP(t, d.IMAPAddr, "user1")
	if err := c.Create("Old mail", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		m := strings.ReplaceAll(text(fmt.Sprintf("m%d", i)), "\n", "\r\n")
		if i == 2 {
			m += strings.Repeat("x", 2000)
		}
		a := c.Append("Old mail", int64(len(m)), &imap.AppendOptions{Time: time.Date(2026, 11, 20+i/2, 12, 0, 0, 0, time.UTC)})
		if _, err := a.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(a.Close(), func() error { _, err := a.Wait(); return err }()); err != nil {
			t.Fatal(err)
		}
	}
	url := "imap://user1@" + d.IMAPAddr + "/Old%20mail"
	password := func() (string, error) { return peer.Password, nil }
	got, errs := read(t, url, source.Options{MaxSize: 1000, Password: password})
	if !slices.Equal(got, []string{"m0", "m1"}) || len(errs) != 1 || !errors.Is(errs[0], source.ErrTooBig) {
		t.Errorf("%q, %v", got, errs)
	}
	got, errs = read(t, url, source.Options{Since: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Password: password})
	if !slices.Equal(got, []string{"m2"}) || len(errs) > 0 {
		t.Errorf("since: %q, %v", got, errs)
	}
	for name, want := range map[string]string{"imap://user1@" + d.IMAPAddr + "/None": "None", "imap://user7@" + d.IMAPAddr: "user7"} {
		if _, err := source.Open(context.Background(), name, source.Options{Password: password}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	found, err := c.Status("Old mail", &imap.StatusOptions{NumUnseen: true}).Wait()
	if err != nil || *found.NumUnseen != 3 {
		t.Errorf("reading has marked messages as seen: %v, %v", found, err)
	}
}
