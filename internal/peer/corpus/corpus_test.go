package corpus_test

import (
	"bytes"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/internal/peer/corpus"
)

// Messages are the same for the same seed and number, and different for all others,
// in their text too.
func TestDistinct(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(3) {
		c := corpus.New(seed)
		for n := range 500 {
			for _, raw := range [][]byte{c.Spam(n), c.Ham(n)} {
				_, body, found := strings.Cut(string(raw), "\n\n")
				if !found || seen[body] {
					t.Fatalf("seed %d, message %d: no text, or one that was there before:\n%s", seed, n, raw)
				}
				seen[body] = true
			}
		}
		if !bytes.Equal(c.Spam(7), corpus.New(seed).Spam(7)) {
			t.Errorf("seed %d: message 7 changes", seed)
		}
	}
}

func TestMessage(t *testing.T) {
	for _, raw := range [][]byte{corpus.New(1).Spam(0), corpus.New(1).Ham(0), corpus.New(1).Mixed(5).Ham(1)} {
		m := message.Parse(raw)
		for _, name := range []string{"From", "To", "Subject", "Message-ID", "Date"} {
			if v, ok := m.Get(name); !ok || v == "" {
				t.Errorf("no %s in\n%s", name, raw)
			}
		}
		if m.Size() < 1000 || m.Size() > 4000 || bytes.ContainsAny(raw, "\r") {
			t.Errorf("size %d:\n%s", m.Size(), raw)
		}
		for line := range strings.Lines(string(raw)) {
			if len(line) > 120 {
				t.Errorf("a long line: %q", line)
			}
		}
	}
}

// Mixed brings the other class's words in.
func TestMixed(t *testing.T) {
	count := func(c *corpus.Corpus) (n int) {
		for i := range 20 {
			n += bytes.Count(c.Ham(i), []byte("lottery")) + bytes.Count(c.Ham(i), []byte("casino")) + bytes.Count(c.Ham(i), []byte("mortgage"))
		}
		return n
	}
	if pure, mixed := count(corpus.New(1)), count(corpus.New(1).Mixed(5)); pure != 0 || mixed == 0 {
		t.Errorf("words of spam in ham: %d, mixed %d", pure, mixed)
	}
}
