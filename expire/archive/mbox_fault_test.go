package archive_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
)

// Half a message that a crash has left is cut off, wherever it was cut; the whole ones
// before it stay, and what another program has written behind it does, too.
func TestMboxHalf(t *testing.T) {
	h := newHome(t)
	h.put("INBOX", text("zero"), received)
	h.archive("mbox:~/a", "INBOX")
	before := size(t, h.dir+"/a")
	indexBefore, err := os.ReadFile(h.dir + "/.a.dovetail")
	if err != nil {
		t.Fatal(err)
	}
	h.put("INBOX", text("one"), received)
	h.put("INBOX", text("two"), received)
	h.archive("mbox:~/a", "INBOX")
	whole, err := os.ReadFile(h.dir + "/a")
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(h.dir + "/.a.dovetail")
	if err != nil {
		t.Fatal(err)
	}
	index = index[:strings.LastIndex(string(index), "= ")] // as it is before the messages are written
	if len(index) <= len(indexBefore) {
		t.Fatalf("%q", index)
	}
	foreign := "From b@example.net Sun Mar  9 08:07:06 2025\nSubject: other\n\nText of other\n\n"
	for n := before; n <= int64(len(whole)); n++ {
		for _, behind := range []string{"", "\n" + foreign} {
			text := string(whole[:n]) + behind
			if err := errors.Join(os.WriteFile(h.dir+"/a", []byte(text), 0o600), os.WriteFile(h.dir+"/.a.dovetail", index, 0o600)); err != nil {
				t.Fatal(err)
			}
			h.warnings = nil
			h.archive("mbox:~/a", "INBOX")
			after, err := os.ReadFile(h.dir + "/a")
			if err != nil {
				t.Fatal(err)
			}
			// Behind the last byte but one the other program's empty line completes the message.
			half := n != before && n != int64(len(whole)) && !strings.HasSuffix(string(whole[:n]), "\n\nText of one\n\n")
			if (len(h.warnings) > 0) != (half || behind != "" && n < int64(len(whole))-1) && n != int64(len(whole))-1 {
				t.Errorf("cut at %d, foreign %v: told %q", n, behind != "", h.warnings)
			}
			if behind != "" {
				if !strings.HasPrefix(string(after), text) {
					t.Errorf("cut at %d: what another program wrote was changed", n)
				}
				continue
			}
			h.want("a", line("zero"), line("one"), line("two"))
		}
	}
}

// A process that dies while it mends what another one has left forgets no message that
// is in the file, wherever it dies.
func TestMboxMendFaults(t *testing.T) {
	for n := 1; ; n++ {
		h := newHome(t)
		for _, subject := range []string{"one", "two", "three"} {
			h.put("INBOX", text(subject), received)
		}
		h.archive("mbox:~/a", "INBOX")
		index := h.read(h.dir + "/.a.dovetail")
		index = index[:strings.LastIndex(string(index), "= ")] // as it is before the messages are written
		if err := errors.Join(os.Truncate(h.dir+"/a", size(t, h.dir+"/a")-5), os.WriteFile(h.dir+"/.a.dovetail", index, 0o600)); err != nil {
			t.Fatal(err)
		}
		faulty := &fsxtest.Faulty{FS: fsx.OS{}, FailAt: n, Sticky: true}
		_ = h.try("mbox:~/a", "INBOX", faulty)
		_ = os.Remove(h.dir + "/a.lock") // the process has ended, and with it its lock
		h.archive("mbox:~/a", "INBOX")
		h.want("a", line("one"), line("two"), line("three"))
		if faulty.Calls() < n || t.Failed() {
			break
		}
	}
}

// What is as long as it should be is another program's, whatever it is, and stays.
func TestMboxChanged(t *testing.T) {
	h := newHome(t)
	h.put("INBOX", text("one"), received)
	h.archive("mbox:~/a", "INBOX")
	index := h.read(h.dir + "/.a.dovetail")
	index = index[:strings.LastIndex(string(index), "= ")]
	changed := strings.Replace(string(h.read(h.dir+"/a")), "Text", "text", 1)
	if err := errors.Join(os.WriteFile(h.dir+"/a", []byte(changed), 0o600), os.WriteFile(h.dir+"/.a.dovetail", index, 0o600)); err != nil {
		t.Fatal(err)
	}
	h.archive("mbox:~/a", "INBOX")
	h.want("a", strings.Replace(line("one"), "Text", "text", 1), line("one"))
	if len(h.warnings) != 1 {
		t.Errorf("told %q", h.warnings)
	}
}

// After a write that failed there is nothing to mend, whatever others write then.
func TestMboxFailedWrite(t *testing.T) {
	failed := 0
	for n := 1; ; n++ {
		h := newHome(t)
		h.put("INBOX", text("zero"), received)
		h.archive("mbox:~/a", "INBOX")
		h.put("INBOX", text("one"), received)
		faulty := &fsxtest.Faulty{FS: fsx.OS{}, FailAt: n}
		if h.try("mbox:~/a", "INBOX", faulty) != nil {
			failed++
		}
		other := "From b@example.net Sun Mar  9 08:07:06 2025\nSubject: other\n\nText of other\n\n"
		if err := os.WriteFile(h.dir+"/a", append(h.read(h.dir+"/a"), other...), 0o600); err != nil {
			t.Fatal(err)
		}
		h.warnings = nil
		h.archive("mbox:~/a", "INBOX")
		if got := h.kept("a"); len(got) != 3 || len(h.warnings) > 0 {
			t.Errorf("call %d: %q, told %q", n, got, h.warnings)
		}
		if faulty.Calls() < n || t.Failed() {
			break
		}
	}
	if failed == 0 {
		t.Error("never failed")
	}
}

func size(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// Whichever call fails: an archive that said yes has all messages, one that said no can
// be used again, and each is in it once then.
func TestMboxFaults(t *testing.T) {
	testFaults(t, "mbox:~/new/a", func(h *home) []string { return h.kept("new/a") })
}

func testFaults(t *testing.T, place string, kept func(h *home) []string) {
	for _, sticky := range []bool{false, true} {
		succeeded := 0
		for n := 1; ; n++ {
			h := newHome(t)
			faulty := &fsxtest.Faulty{FS: fsx.OS{}, FailAt: n, Sticky: sticky, Err: syscall.ENOSPC}
			h.put("INBOX", text("one"), received)
			h.put("INBOX", text("two"), received, `\Seen`, "Work")
			err := h.try(place, "INBOX", faulty)
			if sticky { // the process has ended, and with it its lock
				for _, lock := range []string{"/new/a.lock", "/new/a/dovecot-uidlist.lock"} {
					_ = os.Remove(h.dir + lock)
				}
			}
			if err == nil {
				succeeded++
				if got := kept(h); len(got) != 2 {
					t.Errorf("call %d failed, and it said yes: %q", n, got)
				}
			}
			h.put("INBOX", text("three"), received)
			h.archive(place, "INBOX")
			got := kept(h)
			want := []string{line("one"), line("two", "Work", `\Seen`), line("three")}
			for _, w := range want {
				i := 0
				for _, g := range got {
					if g == w {
						i++
					}
				}
				if i != 1 {
					t.Errorf("call %d, sticky %v (%v): %d times %s", n, sticky, err, i, w)
				}
			}
			if faulty.Calls() < n || t.Failed() {
				break
			}
		}
		if succeeded == 0 {
			t.Error("never succeeded")
		}
	}
}
