package mailimport_test

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
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/internal/mailimport"
	"dovetail/internal/mbox"
	"dovetail/maildir"
)

// folder is a Maildir of this process's own user.
func folder(t *testing.T, fsys fsx.FS, quota ...string) mailimport.Options {
	t.Helper()
	return folderIn(t, t.TempDir(), fsys, quota...)
}

func folderIn(t *testing.T, home string, fsys fsx.FS, quota ...string) mailimport.Options {
	t.Helper()
	q, err := maildir.ParseQuota(quota, "0")
	if err != nil {
		t.Fatal(err)
	}
	store, err := maildir.Open(maildir.Options{Location: maildir.Location{Root: home}, FS: fsys, Separator: "/", Quota: q, LockTimeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return mailimport.Options{
		Store: store, Do: func(f func() error) error { return f() }, Flush: fsx.NewFlusher(0).Flush,
		Mailbox: "Old", Reading: mbox.Options{Location: time.UTC},
	}
}

// contents gives the messages of the mailbox: date, flags and text, sorted.
func contents(t *testing.T, o mailimport.Options) (all []string) {
	t.Helper()
	ctx := context.Background()
	there, err := o.Store.Exists(ctx, o.Mailbox)
	if err != nil {
		t.Fatal(err)
	}
	if !there {
		return nil
	}
	for e, err := range o.Store.Entries(ctx, o.Mailbox) {
		if err != nil {
			t.Fatal(err)
		}
		m, closer, err := o.Store.Open(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(m.Open())
		if err := errors.Join(err, closer.Close()); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %v %s", e.Received.UTC().Format(time.RFC3339), e.Flags, text))
	}
	slices.Sort(all)
	return all
}

// write writes a file and gives its name.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "mbox")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const text = `From MAILER-DAEMON Sat Nov 21 08:00:00 2026
Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA
X-IMAP: 1700000000 0000000042 Work

Data

From a Sat Nov 21 09:00:00 2026
Status: RO
X-Status: AF
X-Keywords: Work $Forwarded             
X-UID: 7
Content-Length: 4
X-Label: stays
Subject: flags

>From x

From b sometime
Subject: Received
Date: Fri, 20 Nov 2026 10:00:00 +0000
Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000

x

From c Sat Nov 21 11:00:00 2026
Subject: twice

x

From c Sat Nov 21 12:00:00 2026
Status: O
Subject: twice

x
`

func TestImport(t *testing.T) {
	o := folder(t, nil)
	name := write(t, text)
	want := []string{
		"2026-11-21T09:00:00Z [\\Flagged \\Answered \\Seen Work $Forwarded] X-Label: stays\nSubject: flags\n\nFrom x\n" +
			"\nFrom b sometime\nSubject: Received\nDate: Fri, 20 Nov 2026 10:00:00 +0000\nReceived: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\n\nx\n",
		"2026-11-21T11:00:00Z [] Subject: twice\n\nx\n",
		"2026-11-21T12:00:00Z [] Subject: twice\n\nx\n",
	}
	o.DryRun = true
	if r := importFile(t, o, name); r.Imported != 3 || len(contents(t, o)) != 0 {
		t.Errorf("dry: %+v", r)
	}
	o.DryRun = false
	for round := range 3 {
		r := importFile(t, o, name)
		imported := 0
		switch round {
		case 0:
			imported = 3
			if r.Oldest.UTC().Hour() != 9 || r.Newest.UTC().Hour() != 12 || r.Bytes == 0 || r.Damaged() || len(r.Findings) != 2 {
				t.Errorf("%+v", r)
			}
		case 2:
			imported = 1
		}
		if r.Messages != 4 || r.Internal != 1 || r.Imported != imported || r.Present != 3-imported {
			t.Errorf("round %d: %+v", round, r)
		}
		if got := contents(t, o); !slices.Equal(got, want) {
			t.Fatalf("round %d: %q", round, got)
		}
		if round == 1 { // one of the two equal ones is deleted
			for e := range o.Store.Entries(context.Background(), o.Mailbox) {
				if e.Received.UTC().Hour() == 12 {
					os.Remove(e.Path)
				}
			}
		}
	}
}

// The date comes from elsewhere where the From_ line has none.
func TestDates(t *testing.T) {
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]string{
		"Received: a; Sat, 21 Nov 2026 10:00:00 +0000\nDate: Fri, 20 Nov 2026 10:00:00 +0000": "2026-11-21T10:00:00Z",
		"Received: nonsense\nDate: Fri, 20 Nov 2026 10:00:00 +0000":                           "2026-11-20T10:00:00Z",
		"Date: nonsense": "2020-01-02T03:04:05Z",
	} {
		o, name := folder(t, nil), write(t, "From x\n"+header+"\n\n")
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
		r := importFile(t, o, name)
		if got := contents(t, o); !r.Damaged() || len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %q, %+v", header, got, r)
		}
	}
}

// many gives an mbox of n messages, some of them alike.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "From a Sat Nov 21 08:%02d:00 2026\nStatus: %s\nX-Keywords: k%d\nSubject: %d\n\nText\n\n", i%60, []string{"", "R"}[i%2], i%3, i/2)
	}
	return b.String()
}

// Whichever call fails: no message is half there or twice, what counts as imported is
// there, and the next run completes.
func TestFaults(t *testing.T) {
	name := write(t, many(6))
	whole := folder(t, nil)
	importFile(t, whole, name)
	want := contents(t, whole)
	if len(want) != 6 {
		t.Fatalf("%q", want)
	}
	for _, sticky := range []bool{false, true} {
		failed := 0
		for n := 1; ; n++ {
			home := t.TempDir()
			faulty := &fsxtest.Faulty{FS: fsx.OS{}, FailAt: n, Sticky: sticky, Err: syscall.EIO}
			r, err := tryImport(folderIn(t, home, faulty), name)
			o := folderIn(t, home, nil)
			got := contents(t, o)
			left := slices.Clone(want)
			for _, m := range got {
				i := slices.Index(left, m)
				if i < 0 {
					t.Fatalf("call %d: %q is half there or twice", n, m)
				}
				left = slices.Delete(left, i, i+1)
			}
			if r != nil && r.Imported > len(got) || err == nil && (r.Imported != 6 || len(got) != 6) {
				t.Fatalf("call %d: %+v, %v; there are %d", n, r, err, len(got))
			}
			if err != nil {
				failed++
				os.Remove(home + "/.Old/dovecot-uidlist.lock") // could not be removed; it is void after two minutes
				importFile(t, o, name)
				if got := contents(t, o); !slices.Equal(got, want) {
					t.Fatalf("call %d: %q after %v", n, got, err)
				}
			}
			if faulty.Calls() < n {
				break
			}
		}
		if failed < 20 {
			t.Errorf("only %d calls failed", failed)
		}
	}
}

func TestQuota(t *testing.T) {
	name := write(t, many(200))
	for _, rule := range []string{"*:messages=7", "*:bytes=150"} {
		home := t.TempDir()
		r, err := tryImport(folderIn(t, home, nil, rule), name)
		got := contents(t, folderIn(t, home, nil))
		if !mailimport.IsFull(err) || r.Imported != 7 && rule == "*:messages=7" || r.Imported != len(got) || len(got) == 0 || len(got) > 10 {
			t.Errorf("%s: %v, %+v; %d there", rule, err, r, len(got))
		}
		if left, err := filepath.Glob(home + "/.Old/tmp/*"); len(left) > 0 || err != nil {
			t.Errorf("left in tmp: %v", left)
		}
	}
}

func TestLocked(t *testing.T) {
	name := write(t, text)
	if err := os.WriteFile(name+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mbox.Open(name); !errors.Is(err, mbox.ErrLocked) {
		t.Errorf("dotlock: %v", err)
	}
	os.Remove(name + ".lock")
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &l); err != nil {
		t.Fatal(err)
	}
	if _, err := mbox.Open(name); !errors.Is(err, mbox.ErrLocked) {
		t.Errorf("fcntl: %v", err)
	}
	l.Type = unix.F_UNLCK
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &l); err != nil {
		t.Fatal(err)
	}
	f, err := mbox.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mbox.Open(name); !errors.Is(err, mbox.ErrLocked) {
		t.Errorf("the same import twice: %v", err)
	}
	l.Type = unix.F_WRLCK
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &l); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("somebody could lock it for writing: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// What writers that lock nothing do meanwhile is told.
func TestChanged(t *testing.T) {
	for what, change := range map[string]func(name string) error{
		"grown": func(name string) error {
			f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("\n" + many(1))
			return errors.Join(err, f.Close())
		},
		"changed": func(name string) error { return os.Truncate(name, 300) },
	} {
		o, name := folder(t, nil), write(t, text)
		f, err := mbox.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := change(name); err != nil {
			t.Fatal(err)
		}
		im, err := mailimport.New(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := im.File(context.Background(), f)
		if what == "grown" && err != nil || !strings.Contains(fmt.Sprint(r.Findings), what) || !r.Damaged() {
			t.Errorf("%s: %v, %v", what, r.Findings, err)
		}
		if err := errors.Join(im.Close(), f.Close()); err != nil {
			t.Error(err)
		}
	}
}

// Compressed files are read as they are, broken ones to where they break.
func TestCompressed(t *testing.T) {
	for _, program := range []string{"gzip", "bzip2"} {
		for _, cut := range []bool{false, true} {
			cmd := exec.Command(program, "-c")
			cmd.Stdin = strings.NewReader(many(40))
			compressed, err := cmd.Output()
			if errors.Is(err, exec.ErrNotFound) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if cut {
				compressed = compressed[:len(compressed)-6]
			}
			o := folder(t, nil)
			r, err := tryImport(o, write(t, string(compressed)))
			if cut && program == "bzip2" {
				continue // its one block is lost
			}
			if err != nil || r.Damaged() != cut || r.Imported != 40 {
				t.Errorf("%s, cut %v: %+v, %v", program, cut, r, err)
			}
		}
	}
}

// A large message does not stay in memory, and comes as it was.
func TestLarge(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789\n"), 1<<20)
	o := folder(t, nil)
	r := importFile(t, o, write(t, "From a Sat Nov 21 08:00:00 2026\nSubject: large\n\n"+string(body)+"\n"+many(1)))
	if r.Imported != 2 || r.Bytes < int64(len(body)) {
		t.Errorf("%+v", r)
	}
	if got := contents(t, o); !strings.HasSuffix(got[1], "\n\n"+string(body)) && !strings.HasSuffix(got[0], "\n\n"+string(body)) {
		t.Error("the text has changed")
	}
}

func TestNoFile(t *testing.T) {
	if _, err := mbox.Open(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mbox.Open(pipe); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := mbox.Open("/nonexistent"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := tryImport(folder(t, nil), write(t, "no mbox\n")); !errors.Is(err, mbox.ErrNoMbox) {
		t.Error(err)
	}
}

// Messages are flushed before they are visible, the directory before they count.
func TestFlush(t *testing.T) {
	name := write(t, many(mailimport.DefaultBatch+2))
	for failAt := range 5 { // 0: none
		o := folder(t, nil)
		calls, visible, all := 0, 0, map[string]bool{}
		o.Flush = func(_ context.Context, files []fsx.File) error {
			calls++
			for _, f := range files {
				info, err := f.Stat()
				if err != nil {
					t.Fatal(err)
				}
				if info.IsDir() != (calls%2 == 0) {
					t.Fatalf("flush %d of %s", calls, f.Name())
				}
				all[f.Name()] = true
			}
			switch calls {
			case 1:
				visible = 0
			case 2, 3:
				visible = mailimport.DefaultBatch
			case 4:
				visible += 2
			}
			if got := len(contents(t, o)); got != visible {
				t.Errorf("flush %d: %d messages are visible, not %d", calls, got, visible)
			}
			if calls == failAt {
				return syscall.EIO
			}
			return nil
		}
		r, err := tryImport(o, name)
		want := map[int]int{0: mailimport.DefaultBatch + 2, 3: mailimport.DefaultBatch, 4: mailimport.DefaultBatch}[failAt]
		if r.Imported != want || (err != nil) != (failAt > 0) || failAt > 0 && !errors.Is(err, syscall.EIO) {
			t.Errorf("flush %d failed: %d imported, %v", failAt, r.Imported, err)
		}
		// The messages, cur, and the two directories in which something was made.
		if want := mailimport.DefaultBatch + 2 + 3; failAt == 0 && len(all) != want {
			t.Errorf("%d files were flushed, not %d", len(all), want)
		}
		if got := len(contents(t, o)); failAt%2 == 1 && got != want {
			t.Errorf("flush %d failed: %d are visible", failAt, got)
		}
	}
}
