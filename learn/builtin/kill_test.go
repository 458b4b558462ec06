package builtin

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/internal/peer/mailbag"
	"dovetail/learn"
)

// pupil names the file for the process that TestKill kills.
const pupil = "DOVETAIL_TEST_PUPIL"

const (
	kills     = 100
	killBatch = 5 // lessons of each class in a batch
)

// TestMain is that process: it teaches batch after batch from the one that its
// argument names, and tells of each that was learned.
func TestMain(m *testing.M) {
	path := os.Getenv(pupil)
	if path == "" {
		os.Exit(m.Run())
	}
	var first int
	_, err := fmt.Sscan(os.Args[len(os.Args)-1], &first)
	var c *Classifier
	if err == nil {
		c, err = Open(Options{Path: path})
	}
	bag := mailbag.New(1)
	for n := first; err == nil; n++ {
		for _, r := range c.Learn(context.Background(), "anna", batch(bag, n)) {
			if r.Err != nil {
				err = r.Err
			}
		}
		if err == nil {
			fmt.Println(n)
		}
	}
	fmt.Println("error:", err)
	os.Exit(1)
}

// batch gives the n-th batch; each one teaches a few of the last one's anew, in the
// other class.
func batch(bag *mailbag.Bag, n int) []learn.Item {
	var list []learn.Item
	add := func(raw []byte, class learn.Class) {
		m := message.Parse(raw)
		h, _ := learn.HashOf(m) // of a message in memory
		list = append(list, learn.Item{Hash: h, Message: m, Class: class})
	}
	for i := range killBatch {
		add(bag.Spam(n*killBatch+i), learn.Spam)
		add(bag.Ham(n*killBatch+i), learn.Ham)
	}
	if n > 0 {
		add(bag.Spam((n-1)*killBatch), learn.Ham)
	}
	return list
}

// TestKill kills a process in the midst of its batches, again and again: each
// batch was learned as a whole or not at all, what was told is learned, and
// teaching all of it anew changes nothing twice.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "learn.db")
	next, total := 0, 0
	for range kills {
		cmd := exec.Command(os.Args[0], fmt.Sprint(next))
		cmd.Env = append(os.Environ(), pupil+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		wait := time.Duration(rand.IntN(40_000)) * time.Microsecond
		for told := false; lines.Scan(); {
			n := 0
			if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
				t.Errorf("it says %q", lines.Text())
				break
			}
			if next, total = n+1, total+1; !told {
				told = true
				time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
			}
		}
		_ = cmd.Wait()
		next = max(next-1, 0) // a part of what is known is taught again
	}
	t.Logf("%d batches in %d lives, the last one %d", total, kills, next)
	c := open(t, Options{Path: path})
	dump(t, c)
	all := next * killBatch
	stats, err := c.Stats(t.Context())
	if err != nil || len(stats) != 2 {
		t.Fatal(stats, err)
	}
	// At most one batch was learned and not told of.
	if n := int(stats[1].Spam + stats[1].Ham); n < 2*all || n > 2*(all+3*killBatch) || n%(2*killBatch) != 0 {
		t.Errorf("%d lessons are known after %d batches", n, next)
	}
	bag := mailbag.New(1)
	for n := range next {
		// All but the first spam are as they were taught.
		teach(t, c, "anna", learn.Already, batch(bag, n)[1:2*killBatch]...)
	}
	// Taught once more from the start, the counts are those of a life without kills.
	fresh := open(t, Options{})
	for n := range int(stats[1].Spam+stats[1].Ham) / (2 * killBatch) {
		for _, r := range append(c.Learn(t.Context(), "anna", batch(bag, n)), fresh.Learn(t.Context(), "anna", batch(bag, n))...) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	if got, want := dump(t, c), dump(t, fresh); !maps.Equal(got, want) {
		t.Errorf("the counts differ from those of a life without kills: %d and %d", len(got), len(want))
	}
}
