package handin

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/learn/queue"
)

// However a program ends: what ended with 0 is in the queue, and what is in the
// queue is whole.
func TestKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	if err := queue.Make(dir, queue.ModeOwn); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "dovetail.toml")
	if err := os.WriteFile(config, []byte("[learn]\nqueue_dir = '"+dir+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	message := []byte("Subject: one\n\n" + strings.Repeat("a line of the message\n", 20_000))
	start := time.Now()
	if err := handIn(config, message, "whole", time.Hour); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	const times = 60
	done := map[string]bool{"whole": true}
	for i := range times {
		user := fmt.Sprint("user", i)
		done[user] = handIn(config, message, user, 2*took*time.Duration(i)/times) == nil
	}
	q, err := queue.Open(dir, fsx.OS{})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := q.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		l, m, closer, err := q.Message(e.ID)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(m.Open()); err != nil || !bytes.Equal(text, message) {
			t.Errorf("%s: %d bytes of %d, %v", l.User, len(text), len(message), err)
		}
		closer.Close()
		delete(done, l.User)
	}
	killed := 0
	for user, ended := range done {
		if ended {
			t.Errorf("the lesson of %s is lost", user)
		}
		killed++
	}
	t.Logf("%d lessons in the queue, %d programs killed before", len(entries), killed)
}

// handIn runs learn-spam and kills it after a while.
func handIn(config string, message []byte, user string, after time.Duration) error {
	cmd := exec.Command("learn-spam", "-c", config, user)
	cmd.Stdin = bytes.NewReader(message)
	if err := cmd.Start(); err != nil {
		return err
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	return cmd.Wait()
}
