package query

import (
	"strconv"
	"strings"
	"time"
)

// printer collects words.
type printer struct{ out []string }

func (w *printer) add(words ...string) { w.out = append(w.out, words...) }

// Words gives the query as words that Parse reads to an equal one, whatever its
// clock and zone are: intervals have become times. One with Options.Clock has no such words.
func (q *Query) Words() []string {
	w := &printer{}
	if q.OldestOnly {
		w.add("OLDESTONLY")
	}
	switch root := q.Root.(type) {
	case And:
		root.level(w)
	case Or:
		root.level(w)
	}
	return w.out
}

// String gives Words as a text that Split takes apart again.
func (q *Query) String() string {
	words := q.Words()
	for i, word := range words {
		if word != "(" && word != ")" {
			words[i] = quote(word)
		}
	}
	return strings.Join(words, " ")
}

func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\r\n'\"\\()") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func (n And) words(w *printer) {
	w.add("(")
	n.level(w)
	w.add(")")
}

// level adds the parts without the brackets.
func (n And) level(w *printer) {
	for _, part := range n.Parts {
		part.words(w)
	}
}

func (n Or) words(w *printer) {
	w.add("(")
	n.level(w)
	w.add(")")
}

func (n Or) level(w *printer) {
	for i, part := range n.Parts {
		if i > 0 || len(n.Parts) == 1 {
			w.add("OR")
		}
		part.words(w)
	}
}

func (n Not) words(w *printer) {
	w.add("NOT")
	n.Part.words(w)
}

func (n InThread) words(w *printer) {
	w.add("INTHREAD", string(n.Algorithm))
	n.Part.words(w)
}

func (n ModSeq) words(w *printer) {
	w.add("MODSEQ")
	if n.Entry != "" {
		w.add(n.Entry, n.Type)
	}
	w.add(strconv.FormatUint(n.Least, 10))
}

func (All) words(w *printer)        { w.add("ALL") }
func (n Flag) words(w *printer)     { w.add(strings.ToUpper(n.Name[1:])) }
func (n Keyword) words(w *printer)  { w.add("KEYWORD", n.Name) }
func (n Sequence) words(w *printer) { w.add(n.Set.String()) }
func (n UID) words(w *printer)      { w.add("UID", n.Set.String()) }
func (n GUID) words(w *printer)     { w.add("GUID", n.ID) }
func (n Mailbox) words(w *printer)  { w.add("MAILBOX", n.Name) }

func (n MailboxID) words(w *printer) { w.add("MAILBOX-GUID", n.ID) }

func (n Date) words(w *printer) {
	at := time.Unix(n.At, 0).UTC()
	text := strconv.FormatInt(n.At, 10)
	switch {
	case n.Floating && n.At%day == 0 && at.Year() >= 0 && at.Year() < 10_000:
		text = at.Format("2-Jan-2006")
	case n.At < 0:
		text = at.Format("2-Jan-2006 15:04:05 -0700")
	}
	w.add(string(n.Clock)+string(n.Relation), text)
}

func (n Size) words(w *printer) {
	key := "SMALLER"
	if n.Larger {
		key = "LARGER"
	}
	w.add(key, strconv.FormatInt(n.Bytes, 10))
}

func (n Header) words(w *printer) {
	if n.Addresses || n.Folded {
		w.add(strings.ToUpper(n.Field), n.Text)
		return
	}
	w.add("HEADER", n.Field, n.Text)
}

func (n Text) words(w *printer) {
	key := "TEXT"
	if n.BodyOnly {
		key = "BODY"
	}
	w.add(key, n.Text)
}
