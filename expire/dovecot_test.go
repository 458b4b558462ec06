package expire_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/expire"
	"dovetail/expire/query"
	"dovetail/internal/peer"
	"dovetail/maildir"
)

// The number of random queries, and how many go to doveadm at once.
const (
	randomQueries = 2000
	batch         = 200
)

// doveadmHTTP asks doveadm by HTTP: many queries in one process.
type doveadmHTTP struct {
	t    *testing.T
	addr string
}

// httpConfig makes Dovecot 2.3 answer doveadm's commands by HTTP.
func httpConfig(addr string) string {
	_, port, _ := strings.Cut(addr, ":")
	return "doveadm_api_key = key\nservice doveadm {\n  inet_listener http {\n    address = 127.0.0.1\n    port = " + port + "\n  }\n}\n"
}

// search gives for each query what doveadm finds, as "mailbox-guid uid".
func (d *doveadmHTTP) search(user string, queries [][]string) [][]string {
	d.t.Helper()
	var commands []any
	for i, q := range queries {
		commands = append(commands, []any{"search", map[string]any{"user": user, "query": q}, fmt.Sprint(i)})
	}
	body, err := json.Marshal(commands)
	if err != nil {
		d.t.Fatal(err)
	}
	req, err := http.NewRequest("POST", "http://"+d.addr+"/doveadm/v1", bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "X-Dovecot-API "+base64.StdEncoding.EncodeToString([]byte("key")))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatalf("doveadm: %v", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatalf("doveadm: %v", err)
	}
	var answers [][]json.RawMessage
	if err := json.Unmarshal(text, &answers); err != nil || len(answers) != len(queries) {
		d.t.Fatalf("doveadm: %d answers for %d queries, %v\n%.1000s", len(answers), len(queries), err, text)
	}
	found := make([][]string, len(queries))
	for i, a := range answers {
		var rows []struct {
			Mailbox string `json:"mailbox-guid"`
			UID     string `json:"uid"`
		}
		if err := json.Unmarshal(a[1], &rows); err != nil || string(a[0]) != `"doveadmResponse"` {
			d.t.Fatalf("doveadm search %q: %s", queries[i], a[1])
		}
		for _, row := range rows {
			found[i] = append(found[i], row.Mailbox+" "+row.UID)
		}
	}
	return found
}

// account is a user with mail, for both.
type account struct {
	user   string
	store  *maildir.Store
	folder func(name string) string // directory of a mailbox
}

// site makes the mail of two users, in both layouts, and lets Dovecot give the UIDs.
func site(t *testing.T, seed uint64, messages int) (*doveadmHTTP, []account) {
	t.Helper()
	peer.Need(t, peer.Root, peer.Dovecot23)
	fs := "maildir:~/.Maildir:LAYOUT=fs:INBOX=~/.Maildir/INBOX"
	users := peer.OneUID(2)
	users[1].Extra = "userdb_mail=" + fs
	addr := fmt.Sprintf("127.0.0.1:%d", peer.FreePort(t))
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: users, Extra: httpConfig(addr)})
	accounts := []account{
		{user: users[0].Name, folder: func(name string) string {
			if name == "INBOX" {
				return "Maildir"
			}
			return "Maildir/." + strings.ReplaceAll(name, "/", ".")
		}},
		{user: users[1].Name, folder: func(name string) string { return ".Maildir/" + name }},
	}
	for i, location := range []string{"maildir:~/Maildir", fs} {
		accounts[i].fill(t, d, users[i], location, seed+uint64(i), messages)
	}
	return &doveadmHTTP{t, addr}, accounts
}

// fill opens the store, puts mail into it, and lets Dovecot give the UIDs.
func (a *account) fill(t *testing.T, d *peer.Dovecot, u peer.User, location string, seed uint64, messages int) {
	t.Helper()
	make := &maildirMaker{Rand: rand.New(rand.NewPCG(seed, 1)), t: t, now: time.Now()}
	loc, err := maildir.ParseLocation(location)
	if err != nil {
		t.Fatal(err)
	}
	a.store, err = maildir.Open(maildir.Options{Location: loc, Home: d.Home(a.user), Separator: "/"})
	if err != nil {
		t.Fatal(err)
	}
	folder := a.folder
	a.folder = func(name string) string { return filepath.Join(d.Home(a.user), folder(name)) }
	for _, name := range onDisk {
		make.folder(a.folder(name), messages)
	}
	peer.Chown(t, d.Home(a.user), u)
	c := peer.IMAP(t, d.IMAPAddr, a.user)
	for _, name := range mailboxes {
		if _, err := c.Select(name, nil).Wait(); err != nil { // now nothing is recent any more
			t.Fatalf("SELECT %s: %v", name, err)
		}
	}
	if err := c.Logout().Wait(); err != nil {
		t.Fatal(err)
	}
	for _, name := range onDisk {
		for range messages / 4 {
			make.file(a.folder(name), "new")
		}
	}
	peer.Chown(t, d.Home(a.user), u)
	d.Doveadm("search", "-u", a.user, "all")
}

// mailboxes are the names of what site makes, onDisk the same on disk.
var (
	mailboxes = []string{"INBOX", "Trash", "Trash/Junk", "Trash/Junk/deep", "TrashOther", "Entwürfe", "a b"}
	onDisk    = []string{"INBOX", "Trash", "Trash/Junk", "Trash/Junk/deep", "TrashOther", "Entw&APw-rfe", "a b"}
)

// search gives what we find, in doveadm's form.
func (a *account) search(t *testing.T, words []string) []string {
	t.Helper()
	return a.searchAt(t, time.Now(), words)
}

// searchAt gives what we find, or would have found at a time.
func (a *account) searchAt(t *testing.T, now time.Time, words []string) []string {
	t.Helper()
	q, err := query.Parse(words, query.Options{Now: now, Zone: time.Local, Rules: query.Dovecot23})
	if err != nil {
		t.Errorf("%q: %v", words, err)
		return nil
	}
	u := &expire.User{Store: a.store, Query: q, Failed: func(mailbox string, err error) { t.Errorf("%q: %s: %v", words, mailbox, err) }}
	there, _, err := u.Mailboxes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, mailbox := range there {
		err := u.Search(t.Context(), mailbox, func(m expire.Match) error {
			found = append(found, fmt.Sprintf("%s %d", m.MailboxID(), m.UID))
			return nil
		})
		if err != nil {
			t.Fatalf("%q: %v", words, err)
		}
	}
	return found
}

// Random queries find the same messages as the installed doveadm does. DOVETAIL_SEED
// in the environment makes other mail and other queries.
func TestAsDoveadm(t *testing.T) {
	seed := uint64(1)
	if s := os.Getenv("DOVETAIL_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("DOVETAIL_SEED=%d", seed)
	doveadm, accounts := site(t, seed, 40)
	make := &queryMaker{Rand: rand.New(rand.NewPCG(seed, 2)), mailboxes: append([]string{"*", "%", "Trash*", "Trash/%", "i*", "inbox", "%/Junk", "E%", "None*"}, mailboxes...)}
	matched := 0
	for i := range randomQueries / batch {
		a := &accounts[i%len(accounts)]
		make.guids = guids(t, a)
		var queries [][]string
		for range batch {
			queries = append(queries, make.query())
		}
		asked := time.Now()
		for j, want := range doveadm.search(a.user, queries) {
			slices.Sort(want)
			want = slices.Compact(want)
			got := slices.Sorted(slices.Values(a.search(t, queries[j])))
			if !slices.Equal(got, want) { // in the meantime a date may have come to lie before SENTSINCE 5h
				got = slices.Sorted(slices.Values(a.searchAt(t, asked, queries[j])))
			}
			if !slices.Equal(got, want) && !knownWrong(t, queries[j]) {
				t.Errorf("%s: %q:\nonly here    %v\nonly doveadm %v", a.user, queries[j], a.describe(t, without(got, want)), a.describe(t, without(want, got)))
			}
			if len(want) > 0 {
				matched++
			}
		}
		if t.Failed() {
			return
		}
	}
	if matched < randomQueries/4 {
		t.Errorf("only %d of %d queries matched anything", matched, randomQueries)
	}
}

// knownWrong tells whether doveadm 2.3.19 is known to take a query for another one when
// it makes it simpler: it joins the tests of one level, and
//
//   - UNSEEN OR UNFLAGGED (or the same as NOT ( SEEN FLAGGED )) becomes a test of both
//     flags, for which it then looks at unseen messages only; so with UNDELETED and keywords;
//   - of NOT SMALLER 50 NOT SMALLER 250 the wrong one is kept; so with LARGER, and with
//     dates of one key;
//   - sets of numbers are joined whether NOT is before them or not;
//   - NOT ALL in one branch of an OR makes the others match nothing;
//   - NOT ( LARGER 9 ) beside LARGER 9, or beside brackets with it, is taken for the same.
//
// Tests of one field share its form: see sharesField. And MAILBOX inbox in small letters beside a pattern is no mailbox to it.
func knownWrong(t *testing.T, words []string) bool {
	q, err := query.Parse(words, query.Options{Now: time.Now(), Zone: time.Local})
	if err != nil {
		t.Fatal(err)
	}
	return joinsWrong(q.Root, false) || sharesField(q.Root, map[string]query.Header{}) || slices.Contains(words, "inbox")
}

func joinsWrong(n query.Node, not bool) bool {
	var parts []query.Node
	switch n := n.(type) {
	case query.Not:
		return joinsWrong(n.Part, !not)
	case query.And:
		parts = n.Parts
	case query.Or:
		parts = n.Parts
	}
	negated, sets, flags := map[string]int{}, 0, 0
	_, isOr := n.(query.Or)
	isOr = isOr != not // as De Morgan has it
	all := flat(parts, n, not)
	for _, part := range all {
		switch part.node.(type) {
		case query.UID, query.Sequence:
			sets++
		case query.Flag, query.Keyword:
			flags++
		}
	}
	if contradicts(all) {
		return true
	}
	for _, part := range all {
		if joinsWrong(part.node, part.not) {
			return true
		}
		if !part.not {
			continue
		}
		switch p := part.node.(type) {
		case query.All:
			return true
		case query.Flag, query.Keyword:
			if isOr {
				negated["flags"] = flags
			}
		case query.UID, query.Sequence:
			negated["sets"] = sets
		case query.Size:
			negated[fmt.Sprint(p.Larger)]++
		case query.Date:
			negated[string(p.Clock+query.Clock(p.Relation))]++
		}
	}
	for _, n := range negated {
		if n > 1 {
			return true
		}
	}
	return false
}

// contradicts tells whether one of the tests of a level is there both with and without
// NOT, in the level or in brackets on it.
func contradicts(all []literal) bool {
	within := slices.Clone(all)
	for _, part := range all {
		switch p := part.node.(type) {
		case query.And:
			within = append(within, flat(p.Parts, p, part.not)...)
		case query.Or:
			within = append(within, flat(p.Parts, p, part.not)...)
		}
	}
	for _, a := range all {
		for _, b := range within {
			if a.not != b.not && reflect.DeepEqual(a.node, b.node) {
				return true
			}
		}
	}
	return false
}

type literal struct {
	node query.Node
	not  bool
}

// flat gives the parts of a level with those of the levels in it that doveadm joins
// with it: an AND in an AND, a NOT AND in an OR, and brackets around one part.
func flat(parts []query.Node, level query.Node, not bool) []literal {
	var out []literal
	_, levelIsAnd := level.(query.And)
	for _, part := range parts {
		turned := false
		for {
			inner, ok := part.(query.Not)
			if !ok {
				break
			}
			part, turned = inner.Part, !turned
		}
		var below []query.Node
		isAnd := false
		switch p := part.(type) {
		case query.And:
			below, isAnd = p.Parts, true
		case query.Or:
			below = p.Parts
		}
		if len(below) == 1 || below != nil && (isAnd == levelIsAnd) != turned {
			out = append(out, flat(below, part, not != turned)...)
			continue
		}
		out = append(out, literal{part, not != turned})
	}
	return out
}

// sharesField tells whether two tests of a query look at one field in different forms:
// doveadm compares both in the form of the first.
func sharesField(n query.Node, forms map[string]query.Header) bool {
	var parts []query.Node
	switch n := n.(type) {
	case query.Not:
		parts = []query.Node{n.Part}
	case query.And:
		parts = n.Parts
	case query.Or:
		parts = n.Parts
	case query.Header:
		field, form := strings.ToLower(n.Field), query.Header{Addresses: n.Addresses, Folded: n.Folded}
		if known, ok := forms[field]; ok && known != form {
			return true
		}
		forms[field] = form
	}
	return slices.ContainsFunc(parts, func(part query.Node) bool { return sharesField(part, forms) })
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// describe adds the files of messages.
func (a *account) describe(t *testing.T, found []string) string {
	var b strings.Builder
	for _, name := range mailboxes {
		scan, err := a.store.Scan(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for f := range scan.Messages() {
			if i := slices.Index(found, fmt.Sprintf("%s %d", scan.ID, f.UID)); i >= 0 && b.Len() < 2000 {
				text, err := os.ReadFile(f.Path())
				fmt.Fprintf(&b, "\n%s %d %s %v\n%s", name, f.UID, f.Path(), err, text)
			}
		}
	}
	return b.String()
}

func guids(t *testing.T, a *account) []string {
	scan, err := a.store.Scan(t.Context(), "Trash")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for f := range scan.Messages() {
		ids = append(ids, f.GUID())
	}
	return ids[:min(5, len(ids))]
}
