package remote

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"dovetail/expire/query"
)

// writer writes queries as search keys of IMAP (RFC 9051 section 6.4.4).
type writer struct {
	mailbox, separator string
	zone               *time.Location
	has                func(imap.Cap) bool
}

// ErrCannot says that the server cannot be asked something.
var ErrCannot = errors.New("this server cannot be asked for")

// The keys of everything and of nothing.
const (
	everything = "ALL"
	nothing    = "NOT ALL"
)

// keys writes a part of a query. Where IMAP cannot say it just so the keys match more
// messages than the part, or fewer where not more.
func (w *writer) keys(n query.Node, more bool) (string, error) {
	switch n := n.(type) {
	case query.And:
		return w.join(n.Parts, more, func(all []string) string { return "(" + strings.Join(all, " ") + ")" })
	case query.Or:
		return w.join(n.Parts, more, func(all []string) string {
			return strings.Repeat("OR ", len(all)-1) + strings.Join(all, " ")
		})
	case query.Not:
		key, err := w.keys(n.Part, !more)
		return "NOT " + key, err
	case query.Flag:
		return strings.ToUpper(strings.TrimPrefix(n.Name, `\`)), nil
	case query.Keyword:
		if strings.ContainsFunc(n.Name, notInAtom) || n.Name == "" {
			return nothing, nil // no message has such a keyword
		}
		return "KEYWORD " + n.Name, nil
	case query.Mailbox:
		return constant(n.Matches(w.mailbox, w.separator)), nil
	case query.Sequence:
		return setOf(n.Set, "*"), nil
	case query.UID:
		return "UID " + setOf(n.Set, strconv.FormatUint(query.Star, 10)), nil
	case query.Size:
		return sizeKey(n), nil
	case query.Date:
		return w.date(n, more)
	case query.Header, query.Text:
		return w.text(n)
	case query.InThread:
		part, err := w.keys(n.Part, more)
		if !exact(n.Part) {
			err = fmt.Errorf("%w INTHREAD with a date, which it knows by the day only", ErrCannot)
		}
		if err == nil && !w.has(imap.Cap("THREAD="+n.Algorithm)) {
			err = cannot("INTHREAD", "THREAD="+string(n.Algorithm))
		}
		return "INTHREAD " + string(n.Algorithm) + " " + part, err
	case query.ModSeq:
		return w.modSeq(n)
	case query.GUID:
		id, err := w.quote(n.ID)
		if err == nil && !w.has(imap.CapObjectID) {
			err = cannot("GUID", "OBJECTID")
		}
		return "EMAILID " + id, err
	case query.All:
		return everything, nil
	case query.MIMEPart:
		return "", fmt.Errorf("%w MIMEPART; there is BODY, TEXT and HEADER", ErrCannot)
	case query.MailboxID:
		return "", fmt.Errorf("%w MAILBOX-GUID; name the mailbox with MAILBOX", ErrCannot)
	}
	return "", fmt.Errorf("%w %T", ErrCannot, n)
}

func (w *writer) modSeq(n query.ModSeq) (string, error) {
	key := "MODSEQ "
	if n.Entry != "" {
		entry, err := w.quote(n.Entry)
		if err != nil {
			return "", err
		}
		key += entry + " " + n.Type + " "
	}
	if !w.has(imap.CapCondStore) {
		return "", cannot("MODSEQ", "CONDSTORE")
	}
	return key + strconv.FormatUint(n.Least, 10), nil
}

func cannot(key, extension string) error {
	return fmt.Errorf("%w %s, since it has no %s", ErrCannot, key, extension)
}

func constant(b bool) string {
	if b {
		return everything
	}
	return nothing
}

func (w *writer) join(parts []query.Node, more bool, join func([]string) string) (string, error) {
	var all []string
	for _, part := range parts {
		key, err := w.keys(part, more)
		if err != nil {
			return "", err
		}
		all = append(all, key)
	}
	return join(all), nil
}

// notInAtom tells whether a character cannot be in a keyword.
func notInAtom(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`(){%*"\]`, c) }

// setOf writes a set of numbers; star is what stands for the last.
func setOf(s query.Set, star string) string { return strings.ReplaceAll(s.String(), "*", star) }

// maxSize is the largest number that IMAP4rev1 has.
const maxSize = 1<<32 - 1

func sizeKey(n query.Size) string {
	switch {
	case n.Larger && n.Bytes > maxSize:
		return nothing
	case n.Bytes > maxSize:
		return everything
	case n.Larger:
		return "LARGER " + strconv.FormatInt(n.Bytes, 10)
	}
	return "SMALLER " + strconv.FormatInt(n.Bytes, 10)
}

func (w *writer) text(n query.Node) (string, error) {
	switch n := n.(type) {
	case query.Header:
		text, err := w.quote(n.Text)
		if n.Addresses || n.Folded {
			return strings.ToUpper(n.Field) + " " + text, err
		}
		field, fieldErr := w.quote(n.Field)
		if err == nil {
			err = fieldErr
		}
		return "HEADER " + field + " " + text, err
	case query.Text:
		key := "TEXT "
		if n.BodyOnly {
			key = "BODY "
		}
		text, err := w.quote(n.Text)
		if n.Text == "" {
			return everything, nil
		}
		return key + text, err
	}
	return everything, nil
}

// maxLiteral is the longest text that LITERAL- takes (RFC 7888 section 5).
const maxLiteral = 4096

// quote writes a string.
func (w *writer) quote(s string) (string, error) {
	if !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, nil
	}
	if !w.has(imap.CapLiteralMinus) || len(s) > maxLiteral && !w.has(imap.CapLiteralPlus) {
		return "", cannot(strconv.Quote(s), "LITERAL+")
	}
	return fmt.Sprintf("{%d+}\r\n%s", len(s), s), nil
}

const (
	day = 24 * 60 * 60
	// slack is how far a day somewhere on earth is from the same day in UTC: zones reach
	// from -12 to +14 hours. Summer time and a server's own view of its zone add to it.
	slack = 16 * 60 * 60
)

// date writes a date as days.
func (w *writer) date(n query.Date, more bool) (string, error) {
	clock := string(n.Clock)
	if n.Clock == query.Saved && !w.has(imap.CapSaveDate) {
		return "", cannot("SAVED"+string(n.Relation), "SAVEDATE")
	}
	if isExactDate(n) {
		return clock + string(n.Relation) + " " + dayOf(n.At), nil
	}
	at := n.At
	if n.Floating && n.Clock != query.Sent {
		at -= int64(query.Offset(at, w.zone))
	}
	before := func(at int64, more bool) string { return dayKey(clock+"BEFORE ", edge(at, more), more) }
	since := func(at int64, more bool) string { return dayKey(clock+"SINCE ", edge(at, !more), more) }
	switch n.Relation {
	case query.Before:
		return before(at, more), nil
	case query.Since:
		return since(at, more), nil
	}
	return "(" + since(at, more) + " " + before(at+day, more) + ")", nil
}

// isExactDate tells whether IMAP knows a date just as the query does: the Date field's,
// whose zone neither looks at.
func isExactDate(n query.Date) bool {
	return n.Clock == query.Sent && n.Floating && n.At%day == 0 && n.At >= firstDay && n.At < lastDay
}

// edge gives the day before which all messages are older than a time wherever they are
// shown, or where later, from which on none is.
func edge(at int64, later bool) int64 {
	if later {
		return floorDay(at+slack-1) + day
	}
	return floorDay(at - slack)
}

func floorDay(at int64) int64 {
	if n := at % day; n >= 0 {
		return at - n
	}
	return at - at%day - day
}

// Days that every server understands.
var (
	firstDay = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	lastDay  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// dayKey writes a key with a day; one that no server need understand becomes what is
// right for want of it.
func dayKey(key string, at int64, more bool) string {
	if at < firstDay || at >= lastDay {
		return constant(more)
	}
	return key + dayOf(at)
}

func dayOf(at int64) string { return time.Unix(at, 0).UTC().Format("2-Jan-2006") }
