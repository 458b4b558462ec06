// Package query is the language in which doveadm's search, expunge and other
// commands name messages. Parse reads it to a tree; package expire evaluates that.
//
// # Language
//
// A query is a list of words. A word is a key, or a value of the key before it. Keys
// are of any case. What stands beside each other must all match; with OR between
// them one is enough; NOT turns a key around; brackets, which are words of their own,
// group. A level of brackets holds either ORs or none.
//
//	ALL
//	1,5:9,*                              sequence numbers
//	UID 1,5:9
//	ANSWERED DELETED DRAFT FLAGGED SEEN RECENT, the same with UN before it; NEW, OLD
//	KEYWORD k, UNKEYWORD k
//	BEFORE d, ON d, SINCE d              the date of receipt (a file's mtime)
//	SENTBEFORE, SENTON, SENTSINCE        the Date field; a message without one was sent in 1970
//	SAVEDBEFORE, SAVEDON, SAVEDSINCE     when the message came into its mailbox (a file's ctime)
//	OLDER n, YOUNGER n                   received n seconds ago (RFC 5032)
//	LARGER s, SMALLER s                  with line ends of two bytes
//	FROM t, TO t, CC t, BCC t, SUBJECT t, HEADER field t
//	BODY t, TEXT t
//	INTHREAD REFS key                    in one thread with a message of that key; or REFERENCES,
//	                                     which joins threads of one subject, or ORDEREDSUBJECT
//	MIMEPART test                        a part of it is so: see PartTest. ( ) around several, NOT
//	                                     before one, OR before two
//	GUID id, EMAILID id
//	MAILBOX name, MAILBOX-GUID id, MAILBOXID id
//	OLDESTONLY                           stop at the first message that does not match
//	SAVEDATESUPPORTED                    all, since a Maildir has it
//
// SAVED* may have X- before it; X-GUID, X-REAL-UID and X-MAILBOX (in modified UTF-7)
// are understood; FUZZY before a key means nothing.
//
// A mailbox's name stands for itself; with * or % in it, it is a pattern in which %
// does not match the separator. A date is 2026-11-01, 1-Nov-2026,
// "1-Nov-2026 12:00:00 +0100", a Unix time, or how long ago: 90s, 15mins, 2h, 7days, 8w.
// A size is a number of bytes, or with a unit: 10k, 10M, 1GiB.
//
// # Generations
//
// Dovecot 2.3 and 2.4 differ in one rule of the language, Options.Rules: with 2.3 a
// date written as 2026-11-01 is off by the zone's offset from UTC. 2.4 reads it as
// 1-Nov-2026. That is also what doveadm's manual promised, and the default.
//
// # Differences from doveadm
//
// Refused, where doveadm takes them for something: days that no calendar has
// (2026-02-31), and "$", the result of a search before, of which there is none. MODSEQ
// is refused as well, which Dovecot keeps in its index only, unless an IMAP server is asked
// (Options.Remote). INTHREAD ORDEREDSUBJECT, and NOT before
// INTHREAD with brackets, make doveadm 2.3.19 crash.
//
// # Limits
//
// MaxWords and MaxNesting bound a query.
package query

import (
	"errors"
	"fmt"
	"time"
)

// Limits of a query.
const (
	MaxWords   = 2000
	MaxNesting = 100 // of brackets and NOTs
)

// Rules are those of a generation of Dovecot.
type Rules int

// The generations whose rules differ.
const (
	Dovecot24 Rules = iota
	Dovecot23
)

// ParseRules reads the name of a generation: 2.3 or 2.4.
func ParseRules(name string) (Rules, error) {
	switch name {
	case "2.3":
		return Dovecot23, nil
	case "2.4":
		return Dovecot24, nil
	}
	return 0, fmt.Errorf("%q is neither 2.3 nor 2.4", name)
}

// Options are what the words of a query do not say.
type Options struct {
	Now   time.Time      // for intervals
	Zone  *time.Location // of dates; nil is UTC
	Rules Rules
	// Clock is the one of the keys without SENT or SAVED: BEFORE, ON, SINCE, OLDER and YOUNGER.
	Clock Clock
	// Remote says that an IMAP server will be asked: MODSEQ is understood.
	Remote bool
}

// Query is a parsed query. It is immutable.
type Query struct {
	Root       Node           // an And or an Or
	OldestOnly bool           // stop at the first message that does not match
	Zone       *time.Location // of floating dates
	Warnings   []Warning      // in no order
}

// Warning is what is doubtful about a query that is understood.
type Warning struct {
	Text string
	// Mixed says that AND and OR are mixed without brackets.
	Mixed bool
}

// Error tells which word of a query is wrong.
type Error struct {
	Index int    // of the word, from 0; the number of words where one is missing
	Word  string // "" where one is missing
	Text  string // what is wrong, and what was expected
}

func (e *Error) Error() string {
	if e.Word == "" {
		return fmt.Sprintf("query: at its end: %s", e.Text)
	}
	return fmt.Sprintf("query: word %d, %q: %s", e.Index+1, e.Word, e.Text)
}

// Parse reads a query. Its errors are of type *Error.
func Parse(words []string, o Options) (*Query, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if len(words) == 0 {
		return nil, &Error{Text: "it is empty; expected a key, such as ALL"}
	}
	if len(words) > MaxWords {
		return nil, &Error{Index: MaxWords, Word: words[MaxWords], Text: fmt.Sprintf("more than %d words", MaxWords)}
	}
	p := &parser{words: words, options: o, keys: keys()}
	if o.Remote {
		p.keys["MODSEQ"] = (*parser).modSeq
	}
	root, err := p.list(true)
	if err != nil {
		return nil, err
	}
	q := &Query{Root: root, OldestOnly: p.oldestOnly, Zone: o.Zone, Warnings: p.warnings}
	for _, text := range emptyParts(root) {
		q.Warnings = append(q.Warnings, Warning{Text: text})
	}
	return q, nil
}

// errQuote says that a text ends inside quotes.
var errQuote = errors.New("query: a quote is not closed")

// Split cuts a text into words as a shell does: at white space, except inside single
// or double quotes and behind a backslash. A bracket outside of quotes is a word.
func Split(text string) ([]string, error) {
	var words []string
	var word []rune
	in, quote, escaped := false, rune(0), false
	end := func() {
		if in {
			words = append(words, string(word))
		}
		word, in = nil, false
	}
	for _, c := range text {
		switch {
		case escaped:
			word, escaped = append(word, c), false
		case c == '\\' && quote != '\'':
			in, escaped = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word = append(word, c)
		case c == '"' || c == '\'':
			in, quote = true, c
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			end()
		case c == '(' || c == ')':
			end()
			words = append(words, string(c))
		default:
			word, in = append(word, c), true
		}
	}
	if quote != 0 || escaped {
		return nil, errQuote
	}
	end()
	return words, nil
}
