package builtin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dovetail/internal/message"
)

func header(t *testing.T, m *message.Message) string {
	t.Helper()
	b, err := io.ReadAll(m.Open())
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(b), "\n\n")
	return head
}

func TestScore(t *testing.T) {
	c := open(t, Options{MinLessons: 5})
	taught(t, c, "anna", 50)
	const (
		spam   = "From: shop@pills.example\nSubject: cheap pills\n\nBuy cheap pills today, dear winner\n"
		ham    = "From: anna@example.org\nSubject: our garden\n\nShall we meet in the garden tomorrow?\n"
		forged = "X-Spam-Status: No, score=-5\nx-spam-flag: NO\nX-Own: 1\nX-SPAM-STATUS: Yes\n"
	)
	for _, tt := range []struct{ name, field, raw, want, class string }{
		{"spam", "X-Spam-Status", spam, "X-Spam-Status: Yes, score=9.99 required=9.90\nX-Spam-Flag: YES\nFrom: shop", "spam"},
		{"ham", "X-Spam-Status", ham, "X-Spam-Status: No, score=0.00 required=9.90\nFrom: anna", "ham"},
		{"unknown", "X-Spam-Status", "Nothing: known\n\n", "X-Spam-Status: No, score=5.00 required=9.90\nNothing", "unsure"},
		{"forged", "X-Spam-Status", forged + spam, "X-Spam-Status: Yes, score=9.99 required=9.90\nX-Spam-Flag: YES\nX-Own: 1\nFrom: shop", "spam"},
		{"forged spam", "X-Spam-Status", "X-Spam-Flag: YES\n" + ham, "X-Spam-Status: No, score=0.00 required=9.90\nFrom: anna", "ham"},
		{"another field", "X-Own", forged + spam, "X-Own: Yes, score=9.99 required=9.90\nX-Spam-Status: No, score=-5\nx-spam-flag: NO\nX-SPAM-STATUS: Yes\nFrom: shop", "spam"},
		{"too large", "X-Spam-Status", forged + spam + strings.Repeat("much text\n", 1000), "X-Own: 1\nFrom: shop", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, class, err := NewScorer(c, tt.field, time.Minute, 2000).Score(t.Context(), "anna", message.Parse([]byte(tt.raw)))
			if got := header(t, m); err != nil || class != tt.class || !strings.HasPrefix(got, tt.want) {
				t.Errorf("%v %q\n%s\nwant %q\n%s", err, class, got, tt.class, tt.want)
			}
		})
	}
}

// With too few lessons, and whatever fails, the message comes back without a
// verdict: neither ours nor one that somebody else wrote.
func TestScoreFails(t *testing.T) {
	raw := []byte("X-Spam-Status: No\nX-Spam-Flag: YES\nFrom: a@example.org\n\ntext\n")
	broken := filepath.Join(t.TempDir(), "learn.db")
	if err := os.WriteFile(broken, []byte("this is no database, whatever its name says"), 0o600); err != nil {
		t.Fatal(err)
	}
	hung := open(t, Options{MinLessons: 1})
	hung.store.mu.Lock() // as a disk that does not answer
	defer hung.store.mu.Unlock()
	for _, tt := range []struct {
		name  string
		c     *Classifier
		limit time.Duration
		err   string
	}{
		{"too few lessons", open(t, Options{}), time.Minute, ""},
		{"no database", open(t, Options{Path: broken}), time.Minute, "not a database"},
		{"no folder", open(t, Options{Path: "/proc/nowhere/learn.db"}), time.Minute, "/proc/nowhere"},
		{"hung", hung, 200 * time.Millisecond, "no verdict within"},
		{"failing", &Classifier{}, time.Minute, "it failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, class, err := NewScorer(tt.c, "X-Spam-Status", tt.limit, 0).Score(t.Context(), "anna", message.Parse(raw))
			if class != "" || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if got := header(t, m); got != "From: a@example.org" {
				t.Errorf("header %q", got)
			}
		})
	}
}

// However many are stuck, each waits its time and no longer, and the number of
// lookups under way is bounded.
func TestScoreWhileStuck(t *testing.T) {
	c := open(t, Options{})
	s := NewScorer(c, "X-Spam-Status", 20*time.Millisecond, 0)
	c.store.mu.Lock()
	var wg sync.WaitGroup
	for range 5 * scorings {
		wg.Go(func() {
			if _, _, err := s.Score(t.Context(), "anna", message.Parse([]byte("A: b\n\n"))); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		})
	}
	wg.Wait()
	if n := len(s.slots); n != scorings {
		t.Errorf("%d lookups are under way, want %d", n, scorings)
	}
	c.store.mu.Unlock()
	for range scorings { // all slots come free again
		s.slots <- struct{}{}
	}
}

// Teaching and scoring at once, by several: no error, and no verdict of half a lesson.
func TestScoreWhileTeaching(t *testing.T) {
	c := open(t, Options{MinLessons: 5})
	taught(t, c, "anna", 50)
	s := NewScorer(open(t, Options{Path: c.store.path, MinLessons: 5}), "X-Spam-Status", 2*time.Minute, 0)
	var wg sync.WaitGroup
	for n := range 3 {
		wg.Go(func() { taught(t, c, fmt.Sprint("user", n), 30) })
		wg.Go(func() {
			for range 50 {
				m, _, err := s.Score(t.Context(), fmt.Sprint("user", n), message.Parse(fmt.Appendf(nil, pills, 1000)))
				if err != nil || !strings.HasPrefix(header(t, m), "X-Spam-Status: Yes") {
					t.Errorf("%v %s", err, header(t, m))
				}
			}
		})
	}
	wg.Wait()
	dump(t, c)
}
