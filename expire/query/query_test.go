package query_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/expire/query"
)

// now is Saturday, and Berlin an hour ahead of UTC.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func berlin(t testing.TB) *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func parse(t testing.TB, text string, o query.Options) (*query.Query, error) {
	t.Helper()
	words, err := query.Split(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	o.Now = now
	return query.Parse(words, o)
}

// Each key is read to what it means; Words tells it.
func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"all", "ALL"},
		{"SEEN not FLAGGED not SINCE 1w", "SEEN NOT FLAGGED NOT SINCE 1794657600"},
		{"UNSEEN unanswered UNDELETED UNDRAFT", "NOT SEEN NOT ANSWERED NOT DELETED NOT DRAFT"},
		{"new", "( RECENT NOT SEEN )"},
		{"old", "NOT RECENT"},
		{"1,5:9,*", "1,5:9,*"},
		{"9:5,*:11,7:10", "5:*"},
		{"*:3,2", "2:*"},
		{"uid 7,3:*", "UID 3:*"},
		{"x-real-uid 7", "UID 7"},
		{"seen or flagged or deleted", "SEEN OR FLAGGED OR DELETED"},
		{"or seen", "OR SEEN"},
		{"( seen or flagged ) ( deleted )", "( SEEN OR FLAGGED ) ( DELETED )"},
		{"not ( seen flagged )", "NOT ( SEEN FLAGGED )"},
		{"not not seen", "NOT NOT SEEN"},
		{"keyword $Junk unkeyword a", "KEYWORD $Junk NOT KEYWORD a"},
		{"before 1-nov-2026 on 01-Nov-2026 sentsince 2026-11-01", "BEFORE 1-Nov-2026 ON 1-Nov-2026 SENTSINCE 1-Nov-2026"},
		{"x-savedbefore 2h", "SAVEDBEFORE 1795255200"},
		{"savedsince '1-Nov-2026 02:00:00 +0200'", "SAVEDSINCE 1793491200"},
		{"savedon 1793491200", "SAVEDON 1793491200"},
		{"older 10 younger 20", "BEFORE 1795262391 SINCE 1795262380"},
		{"larger 10k smaller 1GiB", "LARGER 10240 SMALLER 1073741824"},
		{"larger 5 smaller 7b larger '1 m' larger 2tb", "LARGER 5 SMALLER 7 LARGER 1048576 LARGER 2199023255552"},
		{"from a to b cc c bcc d subject e", "FROM a TO b CC c BCC d SUBJECT e"},
		{"header x-a '' body ä text 'b c'", "HEADER x-a '' BODY ä TEXT 'b c'"},
		{"guid a x-guid b emailid c", "GUID a GUID b GUID c"},
		{"mailbox 'Tr*' mailbox Trash x-mailbox Trash mailbox-guid x", "MAILBOX Tr* MAILBOX Trash MAILBOX Trash MAILBOX-GUID x"},
		{"oldestonly seen", "OLDESTONLY ALL SEEN"},
		{"fuzzy subject a savedatesupported", "SUBJECT a ALL"},
	} {
		q, err := parse(t, c.text, query.Options{})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := q.String(); got != c.want {
			t.Errorf("%s: %s, wanted %s", c.text, got, c.want)
		}
		again, err := parse(t, q.String(), query.Options{})
		if err != nil || again.OldestOnly != q.OldestOnly {
			t.Errorf("%s, printed as %s: %v", c.text, q, err)
		}
		if strings.Contains(c.text, "oldestonly") {
			continue // which also is an ALL
		}
		if err == nil && !reflect.DeepEqual(again.Root, q.Root) {
			t.Errorf("%s, printed as %s, is another one", c.text, q)
		}
	}
}

// The units of intervals, and all their beginnings.
func TestIntervals(t *testing.T) {
	for text, seconds := range map[string]int64{
		"0s": 0, "90s": 90, "90sec": 90, "90 secs": 90, "90seconds": 90, "5m": 300, "5min": 300, "5 mins": 300, "5minutes": 300,
		"2h": 7200, "2HOURS": 7200, "3d": 3 * 86400, "3days": 3 * 86400, "1w": 7 * 86400, "8weeks": 56 * 86400, "5000ms": 5, "2000 msecs": 2,
	} {
		q, err := query.Parse([]string{"SINCE", text}, query.Options{Now: now})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := q.Root.(query.And).Parts[0].(query.Date); got.At != now.Unix()-seconds || got.Floating {
			t.Errorf("%s: %d seconds ago, wanted %d", text, now.Unix()-got.At, seconds)
		}
	}
}

// An error names the word, and says what was expected.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text, word, want string
	}{
		{"", "", "expected a key"},
		{"sen", "sen", "did you mean SEEN"},
		{"seen nonsense", "nonsense", "expected a key"},
		{"not", "", "expected a key"},
		{"not )", ")", "expected a key"},
		{"( all", "", "expected ) for the ( that is word 1"},
		{"all )", ")", "no ( for it"},
		{"( )", ")", "expected a key"},
		{"seen or flagged deleted", "deleted", "use brackets"},
		{"since", "", "SINCE needs a date"},
		{"since 1y", "1y", "months and years"},
		{"since 30x", "30x", "unknown unit"},
		{"since soon", "soon", "expected a date"},
		{"since 2026-02-31", "2026-02-31", "no such day"},
		{"since 31-Feb-2026", "31-Feb-2026", "expected a date"},
		{"since 99999999999999999999", "99999999999999999999", "too large"},
		{"since 5000000000s", "5000000000s", "in range"},
		{"since 1500ms", "1500ms", "whole number"},
		{"larger 1x", "1x", "unknown unit"},
		{"larger big", "big", "expected a number of bytes"},
		{"larger 99999999999999999999", "99999999999999999999", "out of range"},
		{"larger 9999999999T", "9999999999T", "out of range"},
		{"smaller", "", "SMALLER needs a size"},
		{"older 0", "0", "seconds from 1"},
		{"older 1d", "1d", "without a unit"},
		{"uid 0", "0", "from 1"},
		{"uid a", "a", "from 1"},
		{"1,,2", "1,,2", "from 1"},
		{"1:+2", "1:+2", "from 1"},
		{"5000000000", "5000000000", "not a set of messages"},
		{"header", "", "HEADER needs the name of a field"},
		{"header subject", "", "HEADER needs a text"},
		{"keyword", "", "KEYWORD needs a keyword"},
		{"mailbox ''", "", "expected a mailbox's name"},
		{"x-mailbox Entw&APw-rfe", "Entw&APw-rfe", "in UTF-8"},
		{"modseq 1", "modseq", "index files only"},
		{"inthread refs", "", "expected a key"},
		{"inthread trees all", "trees", "REFS, REFERENCES or ORDEREDSUBJECT"},
		{"inthread", "", "REFS, REFERENCES or ORDEREDSUBJECT"},
		{"modseq 5", "modseq", "an IMAP server can be asked"},
		{"mimepart", "", "expected a key of a part"},
		{"mimepart html", "html", "expected a key of a part"},
		{"mimepart body x", "body", "not supported of a part: use BODY"},
		{"mimepart ( type text", "", "expected a key of a part, and ) for the ( that is word 2"},
		{"mimepart ( )", ")", "expected a key of a part"},
		{"mimepart size 1k", "1k", "without a unit"},
		{"mimepart disposition x y", "x", "expected TYPE"},
		{"mimepart filename x y", "x", "expected IS"},
		{"mimepart param x", "", "needs a parameter's name"},
		{"mimepart exists", "exists", "expected a key of a part"},
		{"$", "$", "no search before"},
		{strings.Repeat("( ", 200), "(", "nested more than"},
		{strings.Repeat("not ", 200), "not", "nested more than"},
		{strings.Repeat("all ", query.MaxWords+1), "all", "more than"},
	} {
		_, err := parse(t, c.text, query.Options{})
		var e *query.Error
		if !errors.As(err, &e) {
			t.Errorf("%.40q: %v", c.text, err)
			continue
		}
		if e.Word != c.word || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: %v; wanted word %q and %q", c.text, err, c.word, c.want)
		}
	}
}

// What only a server can tell is understood where one is asked.
func TestRemote(t *testing.T) {
	for text, want := range map[string]string{
		"modseq 5":                             "MODSEQ 5",
		`NOT modseq /flags/\\Draft ALL 0 seen`: `NOT MODSEQ '/flags/\Draft' all 0 SEEN`,
		"modseq":                               "needs a number",
		"modseq x":                             `word 2, "x": expected a number`,
		"modseq /flags/a":                      "needs all, priv or shared",
		"modseq /flags/a any 5":                `word 3, "any": expected all, priv or shared`,
		"modseq /flags/a all -5":               `word 4, "-5": expected a number`,
	} {
		words, err := query.Split(text)
		if err != nil {
			t.Fatal(err)
		}
		q, err := query.Parse(words, query.Options{Remote: true})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = q.String()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestNotUTF8(t *testing.T) {
	if q, err := query.Parse([]string{"mailbox", "\xff"}, query.Options{}); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("%v, %v", q, err)
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"all":                                  "",
		"mailbox A mailbox B":                  "( MAILBOX a OR MAILBOX b )",
		"mailbox A ( mailbox B seen )":         "exclude each other",
		"mailbox Trash mailbox Tr*":            "",
		"mailbox Trash mailbox Sp*":            "exclude each other",
		"mailbox inbox mailbox INBOX":          "",
		"mailbox A not mailbox A":              "exclude each other",
		"mailbox A or mailbox B":               "",
		"savedbefore 30":                       "with a unit (30d)",
		"savedsince 30":                        "the key matches everything",
		"since 1-Jan-1960":                     "before 1970",
		"since 2036-01-01":                     "in the future, so the key matches nothing, and after NOT everything",
		"before 2036-01-01":                    "in the future, so the key matches everything",
		"seen unseen":                          "exclude each other",
		"unseen seen":                          "exclude each other",
		"keyword a unkeyword a":                "exclude each other",
		"before 2w since 1w":                   "exclude each other",
		"since 2w before 1w":                   "",
		"since 2w sentbefore 3w":               "",
		"larger 10 smaller 11":                 "exclude each other",
		"larger 10 smaller 12":                 "",
		"uid 1:3 uid 5":                        "exclude each other",
		"uid 1:3 uid 3:5":                      "",
		"not all":                              "NOT ALL",
		"( seen unseen ) or flagged":           "a branch matches nothing",
		"( seen unseen ) or not all":           "the query matches nothing",
		"seen flagged or deleted":              "mixed without brackets",
		"mailbox A ( seen flagged or deleted)": "mixed without brackets",
		"guid a guid b":                        "exclude each other",
	} {
		q, err := parse(t, text, query.Options{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var all []string
		mixed := false
		for _, w := range q.Warnings {
			all = append(all, w.Text)
			mixed = mixed || w.Mixed
		}
		if got := strings.Join(all, "\n"); !strings.Contains(got, want) || want == "" && got != "" || mixed != strings.Contains(want, "mixed") {
			t.Errorf("%s: warned %q, wanted %q", text, got, want)
		}
	}
}

// The same as doveadm demands (measured).
func TestRequireMailbox(t *testing.T) {
	for text, want := range map[string]string{
		"all":                         "must have MAILBOX",
		"mailbox A":                   "something beside",
		"mailbox A all":               "",
		"mailbox A seen or mailbox B": "must have MAILBOX",
		"( mailbox A seen ) or ( mailbox-guid b seen )":   "",
		"( mailbox A seen ) or ( mailbox B )":             "something beside",
		"( mailbox A seen ) or seen":                      "must have MAILBOX",
		"( mailbox A or mailbox B ) all":                  "",
		"( mailbox A or mailbox B )":                      "something beside",
		"( mailbox A or seen ) all":                       "must have MAILBOX",
		"( mailbox A or seen ) mailbox B all":             "",
		"not mailbox INBOX all":                           "",
		"( ( mailbox A ) ) ( seen )":                      "",
		"( ( mailbox A or mailbox B ) or mailbox C ) all": "",
		"( ( mailbox A or seen ) or mailbox C ) all":      "must have MAILBOX",
		"( mailbox A )":                                   "something beside",
	} {
		q, err := parse(t, text, query.Options{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		err = q.RequireMailbox()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, wanted %q", text, err, want)
		}
	}
}

// A day begins at midnight of the zone, or of the Date field's own one; with 2.3's
// rules a date in ISO form is off by the zone's offset (measured with TZ set).
func TestZones(t *testing.T) {
	midnight := time.Date(2026, 11, 1, 0, 0, 0, 0, berlin(t)).Unix()
	for _, c := range []struct {
		text   string
		rules  query.Rules
		border int64 // the first second that matches SINCE
	}{
		{"since 1-Nov-2026", query.Dovecot24, midnight},
		{"since 1-Nov-2026", query.Dovecot23, midnight},
		{"since 2026-11-01", query.Dovecot24, midnight},
		{"since 2026-11-01", query.Dovecot23, midnight - 3600},
	} {
		q, err := parse(t, c.text, query.Options{Zone: berlin(t), Rules: c.rules})
		if err != nil {
			t.Fatal(err)
		}
		d := q.Root.(query.And).Parts[0].(query.Date)
		for at, want := range map[int64]bool{c.border: true, c.border - 1: false} {
			if got := d.Matches(at, query.Offset(at, q.Zone)); got != want {
				t.Errorf("%s, %v: %v at %d seconds from midnight", c.text, c.rules, got, at-midnight)
			}
		}
		if later := d.Matches(c.border-3600, 7200); !later { // sent from two hours ahead of UTC
			t.Errorf("%s: a Date field's own zone is not used", c.text)
		}
	}
}

func TestMailboxes(t *testing.T) {
	for _, c := range []struct {
		pattern string
		match   []string
		not     []string
	}{
		{"Trash", []string{"Trash"}, []string{"trash", "Trash/x", "TrashOther"}},
		{"inbox", []string{"INBOX"}, []string{"INBOX/a"}},
		{"*", []string{"INBOX", "a", "a/b/c"}, nil},
		{"%", []string{"INBOX", "a"}, []string{"a/b"}},
		{"Trash*", []string{"Trash", "Trash/x", "TrashOther"}, []string{"trash"}},
		{"Trash/%", []string{"Trash/x"}, []string{"Trash", "Trash/x/y"}},
		{"%/b", []string{"a/b"}, []string{"a/c/b", "b"}},
		{"*/b", []string{"a/b", "a/c/b"}, []string{"b"}},
		{"i*", []string{"INBOX", "INBOX/a"}, []string{"Inside"}},
		{"inbox/*", []string{"INBOX/a"}, []string{"INBOX"}},
		{"a**%*b", []string{"ab", "acb", "a/b"}, []string{"a"}},
	} {
		q, err := query.Parse([]string{"mailbox", c.pattern}, query.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		m := q.Root.(query.And).Parts[0].(query.Mailbox)
		for _, name := range slices.Concat(c.match, c.not) {
			if got := m.Matches(name, "/"); got != slices.Contains(c.match, name) {
				t.Errorf("%s: %s: %v", c.pattern, name, got)
			}
		}
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		`a  b`:                {"a", "b"},
		`(a or b)`:            {"(", "a", "or", "b", ")"},
		`subject "a b" c`:     {"subject", "a b", "c"},
		`'a"b' "c'd" \( e\ f`: {`a"b`, `c'd`, "(", "e f"},
		`''`:                  {""},
		"":                    nil,
	} {
		if got, err := query.Split(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{`"a`, `'a`, `a\`} {
		if got, err := query.Split(text); err == nil {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// Whatever is accepted prints as a query that is accepted and the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"SEEN not FLAGGED not SINCE 1w", "( mailbox A or mailbox 'B c' ) all", "uid 1,5:9,*", "larger 10M savedbefore 30d",
		"header x '' body ä", "or seen or not ( flagged deleted )", "since '1-Nov-2026 02:00:00 +0200'", "oldestonly new",
		"inthread refs ( subject a or uid 5 ) not modseq /flags/x priv 7", "mimepart not ( or type text filename is 'a b' child size larger 5 disposition param a b )",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := query.Split(text)
		if err != nil {
			return
		}
		q, err := query.Parse(words, query.Options{Now: now, Remote: true})
		if err != nil {
			return
		}
		_ = q.RequireMailbox()
		again, err := query.Split(q.String())
		if err != nil || !slices.Equal(again, q.Words()) {
			t.Fatalf("%q, printed as %q: %v", words, q, err)
		}
		second, err := query.Parse(again, query.Options{Now: now, Remote: true})
		if err != nil {
			t.Fatalf("%q, printed as %q: %v", words, q, err)
		}
		if !q.OldestOnly && !reflect.DeepEqual(q.Root, second.Root) {
			t.Fatalf("%q, printed as %q, is another one", words, q)
		}
	})
}
