package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/expire/policy"
	"dovetail/expire/query"
)

func TestPolicy(t *testing.T) {
	file := write(t, `
[mail]
special_use = ['Papierkorb=\Trash', 'Alt=\Archive \Junk']
[[expire]]
mailboxes = ['\trash', "Lists/%"]
query = "SEEN BEFORE 30d SAVEDBEFORE 30"
clock = "first-seen"
keep_at_least = 5
keep_at_most = "2k"
[[expire]]
users = "a*"
mailboxes = '\Archive'
query = "DELETED NOT DELETED"
action = "move"
folder = "Old"
`)
	c, err := Load(machine(file))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(2e9, 0)
	rules, doubts, err := c.Policy(now)
	if err != nil || len(rules) != 2 {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	r := rules[0]
	if r.Name != "rule 1" || !slices.Equal(r.Users, []string{"*"}) || !slices.Equal(r.Mailboxes, []query.Mailbox{{Name: "Lists/%", Pattern: true}}) ||
		!slices.Equal(r.Uses, []string{"Trash", "Deleted Items", "Deleted Messages", "Papierkorb"}) || r.Clock != query.FirstSeen || r.Action != policy.Delete ||
		r.AtLeast != (policy.Limit{Messages: 5}) || r.AtMost != (policy.Limit{Bytes: 2048}) || r.OptOut != ".dovetail-no-expire" {
		t.Errorf("got %+v", r)
	}
	want := query.Date{Clock: query.FirstSeen, Relation: query.Before, At: 2e9 - 30*24*60*60}
	if and, ok := r.Query.Root.(query.And); !ok || and.Parts[1] != query.Node(want) {
		t.Errorf("the query is %+v", r.Query.Root)
	}
	if r := rules[1]; r.Action != policy.Move || r.Folder != "Old" || !slices.Equal(r.Uses, []string{"Archive", "Archives", "Alt"}) || !slices.Equal(r.Users, []string{"a*"}) {
		t.Errorf("got %+v", r)
	}
	if len(doubts) != 2 || !strings.HasPrefix(doubts[0], file+":6: expire[0].query: word 5") || !strings.Contains(doubts[0], "in 1970") ||
		!strings.HasPrefix(doubts[1], file+":13: expire[1].query: ") {
		t.Errorf("doubts %q", doubts)
	}
}
