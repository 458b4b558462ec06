package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/mailimport"
	"dovetail/internal/peer"
)

// An import that is killed again and again, and then completed, has every message
// once.
func TestImportKilled(t *testing.T) {
	peer.Need(t, peer.Root)
	const messages, kills = 3000, 20
	dir := t.TempDir()
	for d := dir; d != "/" && d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mail := filepath.Join(dir, "mail")
	if err := os.Mkdir(mail, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(mail, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	want := map[[sha256.Size]byte]int{}
	for i := range messages {
		// Some are alike, and must come as often as they are in the file.
		m := fmt.Sprintf("Subject: %d\n\nText of %d\n", i-i%10/9, i-i%10/9)
		want[sha256.Sum256([]byte(m))]++
		fmt.Fprintf(&text, "From a Sat Nov 21 08:00:00 2026\n%s\n", m)
	}
	files := map[string]string{"mbox": text.String(), "dovetail.toml": "[userdb]\ndriver = \"static\"\nhome = \"/nonexistent/%n\"\nusers = [\"anna\"]\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(program, append([]string{"-c", dir + "/dovetail.toml", "-o", "userdb.uid=12345", "-o", "userdb.gid=12345",
			"-o", "mail.mail_location=maildir:" + mail, "import", "mbox", "-u", "anna", "-m", "INBOX", dir + "/mbox"}, args...)...)
		cmd.Args[0] = "dovetail" // TestMain makes it so
		return cmd
	}
	for n := range kills {
		cmd := command("-v")
		told := startTelling(t, cmd)
		// It gets a batch further than the one before, and dies while the batch comes.
		start := len(imported(t, mail))
		for range start + mailimport.DefaultBatch {
			if !told.Scan() {
				t.Fatalf("after %d messages it tells nothing: %v", start, told.Err())
			}
		}
		for end := time.Now().Add(time.Minute); len(imported(t, mail)) <= start+n*6; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("no more than %d messages come", len(imported(t, mail)))
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatalf("it ended before it was killed: %v", err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it was done before it was killed")
		}
	}
	before := len(imported(t, mail))
	if before == 0 || before >= messages {
		t.Errorf("%d of %d messages were there before the last run", before, messages)
	}
	if out, err := command().CombinedOutput(); err != nil || !strings.Contains(string(out), fmt.Sprintf("%d there already", before)) {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range imported(t, mail) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if want[sum]--; want[sum] == 0 {
			delete(want, sum)
		} else if want[sum] < 0 {
			t.Errorf("%s is half there, or there too often: %q", name, text)
		}
	}
	if len(want) > 0 {
		t.Errorf("%d messages are missing", len(want))
	}
}

// startTelling starts a program that tells what it does line by line. It gets no further
// than a pipe takes that nobody reads: some sixty lines.
func startTelling(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	defer in.Close()
	if _, err := unix.FcntlInt(in.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := bufio.NewScanner(out)
	told.Buffer(make([]byte, 256), 256)
	return told
}

// imported lists the messages of a Maildir.
func imported(t *testing.T, mail string) []string {
	t.Helper()
	names, err := filepath.Glob(mail + "/new/*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}
