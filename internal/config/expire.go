package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"dovetail/expire/policy"
	"dovetail/expire/query"
)

// Expire is one rule of `dovetail expire`.
type Expire struct {
	Name        string   `toml:"name"`                                         // for reports; empty: "rule 1" and so on
	Users       []string `toml:"users"`                                        // masks with * and ? of the users whom it is for
	Mailboxes   []string `toml:"mailboxes" check:"mailbox"`                    // names, with * and %, or special uses: \Trash, \Junk, \Archive, \Sent, \Drafts
	Query       string   `toml:"query"`                                        // in the words of doveadm search; MAILBOX is not needed
	Clock       string   `toml:"clock" oneof:"received sent saved first-seen"` // by which BEFORE, ON, SINCE, OLDER, YOUNGER and the oldest are told
	Action      string   `toml:"action" oneof:"delete move archive"`           // what becomes of the messages
	Folder      string   `toml:"folder"`                                       // action move: the mailbox where they go; made where it is missing
	Archive     string   `toml:"archive" check:"archive"`                      // action archive: mbox:PATH or maildir:PATH, with ~/, the variables of mail_location, %{mailbox} and %{year}
	KeepAtLeast string   `toml:"keep_at_least" check:"amount"`                 // that much stays in each mailbox: a number of messages ("500") or a size ("2G")
	KeepAtMost  string   `toml:"keep_at_most" check:"amount"`                  // only so much goes, the oldest first, that no more than this is left
	OptOut      string   `toml:"opt_out" check:"homefile"`                     // a file in the home of users whom the rule leaves alone; empty: it leaves nobody alone
}

// setDefaults makes it a rule of which nothing is said.
func (e *Expire) setDefaults() {
	*e = Expire{Users: []string{"*"}, Clock: "received", Action: string(policy.Delete), OptOut: ".dovetail-no-expire"}
}

// defaulter is an element of a list of tables that is not zero by default.
type defaulter interface{ setDefaults() }

func newElement(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if d, ok := v.Interface().(defaulter); ok {
		d.setDefaults()
	}
	return v.Elem()
}

// clocks are the values of the key clock.
var clocks = map[string]query.Clock{"received": query.Received, "sent": query.Sent, "saved": query.Saved, "first-seen": query.FirstSeen}

// Policy gives the rules of [[expire]], and what is doubtful about them, each with file,
// line and key. How long ago a query says is counted from now.
func (c *Config) Policy(now time.Time) (rules []*policy.Rule, doubts []string, err error) {
	for i, e := range c.Expire {
		q, err := e.parse(now)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", elementPath("expire", i), err)
		}
		for _, w := range q.Warnings {
			key := elementPath("expire", i) + ".query"
			doubts = append(doubts, c.Origin(key)+": "+key+": "+w.Text)
		}
		rules = append(rules, c.rule(i, q))
	}
	return rules, doubts, nil
}

func (c *Config) rule(i int, q *query.Query) *policy.Rule {
	e := c.Expire[i]
	r := &policy.Rule{
		Name: e.name(i), Users: e.Users, Query: q, Clock: clocks[e.Clock],
		Action: policy.Action(e.Action), Folder: e.Folder, Archive: e.Archive, OptOut: e.OptOut,
	}
	for _, name := range e.Mailboxes {
		if strings.HasPrefix(name, `\`) {
			r.Uses = append(r.Uses, c.named(name)...)
			continue
		}
		r.Mailboxes = append(r.Mailboxes, query.Mailbox{Name: name, Pattern: strings.ContainsAny(name, "*%")})
	}
	r.AtLeast, _ = parseAmount(e.KeepAtLeast) // checked when it was read
	r.AtMost, _ = parseAmount(e.KeepAtMost)
	return r
}

func (e *Expire) name(i int) string {
	if e.Name == "" {
		return "rule " + strconv.Itoa(i+1)
	}
	return e.Name
}

// parse reads the query.
func (e *Expire) parse(now time.Time) (*query.Query, error) {
	words, err := query.Split(e.Query)
	if err != nil {
		return nil, err
	}
	q, err := query.Parse(words, query.Options{Now: now, Zone: time.Local, Clock: clocks[e.Clock]})
	if err != nil {
		return nil, err
	}
	for _, w := range q.Warnings {
		if w.Mixed {
			return nil, errors.New("query: " + w.Text)
		}
	}
	if q.HasNumbers() {
		return nil, errors.New("query: numbers of messages change with each that goes: name them otherwise")
	}
	if e.Clock == "first-seen" && q.HasThreads() {
		return nil, errors.New("query: INTHREAD does not go together with the clock first-seen")
	}
	return q, nil
}

// usualNames are names of mailboxes with a special use, where no setting has them.
var usualNames = map[string][]string{
	`\archive`: {"Archive", "Archives"},
	`\drafts`:  {"Drafts"},
	`\sent`:    {"Sent", "Sent Items", "Sent Messages"},
}

// named gives the names that the mailbox of a special use may have.
func (c *Config) named(use string) []string {
	use = strings.ToLower(use)
	names := slices.Clone(usualNames[use])
	switch use {
	case `\junk`:
		names = slices.Clone(c.Learn.Junk)
	case `\trash`:
		names = slices.Clone(c.Learn.Trash)
	}
	for mailbox, uses := range c.Mail.Uses() {
		for _, u := range uses {
			if strings.ToLower(u) == use {
				names = append(names, mailbox)
			}
		}
	}
	return names
}

// crossExpire checks the rules.
func (b *binder) crossExpire() {
	first := map[string]string{}
	for i, e := range b.config.Expire {
		path := elementPath("expire", i)
		switch _, err := e.parse(time.Now()); {
		case e.Query == "":
			b.fail(path, "needs a query")
		case err != nil:
			b.fail(path+".query", "%v", err)
		}
		if len(e.Mailboxes) == 0 {
			b.fail(path, "needs mailboxes")
		}
		if len(e.Users) == 0 {
			b.fail(path+".users", "names nobody")
		}
		if at, twice := first[e.name(i)]; twice {
			b.fail(path+".name", "%q is the name of the rule at %s too", e.name(i), at)
		} else {
			first[e.name(i)] = b.at(path)
		}
		if e.Clock == "first-seen" && b.config.State.URL == "" {
			b.fail(path+".clock", "first-seen needs a database: [state] url is empty")
		}
		b.crossAction(path, e)
	}
}

// crossAction checks that an action has the key that it needs, and no other one's.
func (b *binder) crossAction(path string, e Expire) {
	for _, k := range []struct{ key, value, action string }{{"folder", e.Folder, "move"}, {"archive", e.Archive, "archive"}} {
		switch {
		case e.Action == k.action && k.value == "":
			b.fail(path+".action", "%s needs %s beside it", k.action, k.key)
		case e.Action != k.action && k.value != "":
			b.fail(path+"."+k.key, "action %s does not use this key", e.Action)
		}
	}
	if e.Action == "move" && slices.Contains(e.Mailboxes, e.Folder) {
		b.fail(path+".folder", "%q is one of mailboxes: what is there is there already", e.Folder)
	}
	if strings.ContainsAny(e.Folder, "*%") || strings.HasPrefix(e.Folder, `\`) {
		b.fail(path+".folder", "%q is not the name of a mailbox", e.Folder)
	}
}

// checkMailbox checks a name, a pattern, or a special use of which there is one mailbox.
func checkMailbox(s string) error {
	if !strings.HasPrefix(s, `\`) {
		return nil
	}
	use := strings.ToLower(s)
	if _, usual := usualNames[use]; !usual && use != `\junk` && use != `\trash` {
		return fmt.Errorf(`%q: the special uses are \Archive, \Drafts, \Junk, \Sent and \Trash`, s)
	}
	return nil
}

// parseAmount reads a number of messages or a size.
func parseAmount(s string) (l policy.Limit, err error) {
	if s == "" {
		return l, nil
	}
	if strings.Trim(s, "0123456789") == "" {
		l.Messages, err = strconv.Atoi(s)
	} else {
		l.Bytes, err = ParseSize(s)
	}
	switch {
	case err != nil:
		return l, fmt.Errorf("%q is neither a number of messages nor a size, such as \"500\" or \"2G\"", s)
	case !l.Set():
		return l, errors.New("is nothing: leave the key out")
	}
	return l, nil
}

func checkAmount(s string) error { _, err := parseAmount(s); return err }

func checkHomeFile(s string) error {
	if !filepath.IsLocal(s) {
		return fmt.Errorf("%q is not the name of a file in the home", s)
	}
	return nil
}
