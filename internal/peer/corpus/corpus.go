// Package corpus makes spam and ham for the tests and measurements of what learns:
// English mail that classifiers can tell apart, any number of it, the same for the
// same seed.
//
// The text is English, because rspamd guesses a text's language from a random part of
// it: gibberish gets another language, other stems and another identity each time,
// and is learned twice. Spam and ham share their grammar and everyday words and
// differ in what they talk about; Mixed makes messages that talk about both.
//
//	c := corpus.New(1)
//	spam := c.Spam(0) // a message with LF line ends, about 1.5 KiB
package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Corpus makes messages. It may be used by several goroutines.
type Corpus struct {
	seed  uint64
	mixed int // of ten sentences, those about the other class's matters
}

// New makes a corpus; corpora of different seeds have no message in common.
func New(seed uint64) *Corpus { return &Corpus{seed: seed} }

// Mixed gives the corpus in which so many of ten sentences of each message are about
// the matters of the other class.
func (c *Corpus) Mixed(ofTen int) *Corpus { return &Corpus{seed: c.seed, mixed: ofTen} }

// Spam gives the spam of that number.
func (c *Corpus) Spam(n int) []byte { return c.message(n, spam, ham) }

// Ham gives the ham of that number.
func (c *Corpus) Ham(n int) []byte { return c.message(n, ham, spam) }

// Sentences and lines of a message.
const (
	sentences = 24
	lineWidth = 72
	// One sentence of so many could be in any mail.
	commonEvery = 4
)

func (c *Corpus) message(n int, own, other *topic) []byte {
	w := &writer{rand.New(rand.NewPCG(c.seed, uint64(n)<<1|own.stream))}
	var text strings.Builder
	column := 0
	for range sentences {
		t := own
		if w.IntN(10) < c.mixed {
			t = other
		}
		for word := range strings.FieldsSeq(w.sentence(t)) {
			if column+len(word) > lineWidth {
				text.WriteByte('\n')
				column = 0
			}
			if column > 0 {
				text.WriteByte(' ')
			}
			text.WriteString(word)
			column += len(word) + 1
		}
	}
	name, domain := pick(w, own.names), pick(w, own.domains)
	return fmt.Appendf(nil, "From: %s <%s@%s>\nTo: User <user@example.org>\nSubject: %s\n"+
		"Message-ID: <%s.%d.%d@%s>\nDate: Sat, 21 Nov 2026 08:%02d:%02d +0000\n"+
		"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n%s\n",
		name, strings.ToLower(name), domain, w.subject(own), own.name, c.seed, n, domain, w.IntN(60), w.IntN(60), text.String())
}

// writer makes English from topics.
type writer struct{ *rand.Rand }

// sentence gives one sentence with its full stop.
func (w *writer) sentence(t *topic) string {
	list := t.patterns
	if w.IntN(commonEvery) == 0 {
		list = common
	}
	fields := strings.Fields(pick(w, list))
	for i, f := range fields {
		word, end := f, ""
		if n := len(f) - 1; f[n] == ',' || f[n] == '.' {
			word, end = f[:n], f[n:]
		}
		switch word {
		case "NOUN":
			word = pick(w, t.nouns)
		case "NOUNS":
			word = pick(w, t.nouns) + "s"
		case "VERB":
			word = pick(w, t.verbs)
		case "ADJECTIVE":
			word = pick(w, t.adjectives)
		case "TIME":
			word = pick(w, times)
		}
		fields[i] = word + end
	}
	s := strings.Join(fields, " ")
	return strings.ToUpper(s[:1]) + s[1:]
}

func (w *writer) subject(t *topic) string {
	return pick(w, t.adjectives) + " " + pick(w, t.nouns) + " and " + pick(w, t.adjectives) + " " + pick(w, t.nouns) + " " + pick(w, times)
}

func pick(w *writer, list []string) string { return list[w.IntN(len(list))] }
