package rule_test

import (
	"testing"

	"dovetail/learn"
	"dovetail/learn/rule"
)

var site = rule.Settings{
	Junk: []string{"Junk", "Spam"}, Trash: []string{"Trash"}, Ignore: []string{"Sent", "Drafts"},
	Uses:    map[string][]string{"Quarantäne": {`\Junk`}, "Papierkorb": {`\Trash`}, "Gesendet": {`\Archive`, `\SENT`}, "Alt": {`\Archive`}},
	MinSize: 10, MaxSize: 1000,
}

func TestDecide(t *testing.T) {
	const none, spam, ham = learn.None, learn.Spam, learn.Ham
	for _, c := range []struct {
		said     learn.Class
		cause    string
		from, to string
		want     learn.Class
	}{
		// Folders alone.
		{none, rule.Copy, "INBOX", "Junk", spam},
		{none, rule.Copy, "INBOX", "Spam", spam},
		{none, rule.Copy, "INBOX", "spam", spam},
		{none, rule.Copy, "INBOX", "Junk/2026", spam},
		{none, rule.Copy, "INBOX", "Junk.2026", spam},
		{none, rule.Copy, "INBOX", "Junkyard", none},
		{none, rule.Copy, "INBOX", "Work/Junk", none},
		{none, rule.Copy, "INBOX", "Quarantäne", spam},
		{none, rule.Copy, "Alt", "Quarantäne/x", spam},
		{none, rule.Copy, "Trash", "Junk", spam},
		{none, rule.Copy, "Sent", "Junk", none},
		{none, rule.Copy, "Drafts", "Junk", none},
		{none, rule.Copy, "Gesendet", "Junk", none},
		{none, rule.Copy, "Junk", "Junk", none},
		{none, rule.Copy, "Junk", "Junk/old", none},
		{none, rule.Copy, "Junk/old", "Spam", none},
		{none, rule.Copy, "Junk", "Trash", none},
		{none, rule.Copy, "Junk", "Trash/Junk", none},
		{none, rule.Copy, "Junk", "Papierkorb", none},
		{none, rule.Copy, "Junk", "Sent", none},
		{none, rule.Copy, "Junk", "INBOX", ham},
		{none, rule.Copy, "Junk/2026", "Archive", ham},
		{none, rule.Copy, "Junk", "Alt/2026", ham},
		{none, rule.Copy, "INBOX", "Archive", none},
		{none, rule.Copy, "Trash", "INBOX", none},
		{none, rule.Copy, "", "Junk", spam},
		{none, rule.Copy, "", "INBOX", none},
		{none, rule.Copy, "Junk", "", none},
		{none, "", "INBOX", "Junk", spam},
		{none, rule.Append, "", "Junk", spam},
		{none, rule.Append, "", "INBOX", none},
		{none, rule.Append, "", "Trash", none},
		{none, rule.Append, "", "Sent", none},
		{none, "", "", "", none},

		// Somebody said what it is.
		{spam, "", "", "", spam},
		{ham, "", "", "", ham},
		{spam, rule.Copy, "INBOX", "Junk", spam},
		{spam, rule.Copy, "INBOX", "Other", spam},
		{spam, rule.Append, "", "Other", spam},
		{ham, rule.Copy, "Junk", "INBOX", ham},
		{ham, rule.Copy, "", "INBOX", ham},
		{ham, rule.Append, "", "INBOX", ham},
		{ham, rule.Copy, "Junk", "Trash", none},
		{ham, rule.Copy, "", "Trash", none},
		{spam, rule.Copy, "Junk", "Spam", none},
		{ham, rule.Copy, "Junk", "Spam", none},
		{spam, rule.Copy, "Sent", "Junk", none},
		{ham, rule.Copy, "Junk", "Drafts", none},
		{ham, rule.Copy, "INBOX", "Junk", none},
		{spam, rule.Copy, "Junk", "INBOX", none},
	} {
		d := site.Decide(rule.Change{Said: c.said, Cause: c.cause, From: c.from, To: c.to, Size: 100})
		if d.Class != c.want || d.Why == "" {
			t.Errorf("said %q, %s from %q to %q: %q, wanted %q: %s", c.said, c.cause, c.from, c.to, d.Class, c.want, d.Why)
		}
	}
}

func TestDecideByFlag(t *testing.T) {
	for _, c := range []struct {
		to    string
		flags []string
		want  learn.Class
	}{
		{"INBOX", []string{"$Junk"}, learn.Spam},
		{"INBOX", []string{`\Seen`, "$junk"}, learn.Spam},
		{"Junk", []string{"$Junk"}, learn.Spam},
		{"Junk", []string{"$NotJunk"}, learn.Ham},
		{"INBOX", []string{"$NotJunk", "$Junk"}, learn.None},
		{"INBOX", []string{`\Seen`}, learn.None},
		{"INBOX", nil, learn.None},
		{"Junk", nil, learn.None},
		{"Trash", []string{"$Junk"}, learn.None},
		{"Sent", []string{"$NotJunk"}, learn.None},
	} {
		d := site.Decide(rule.Change{Cause: rule.Flag, To: c.to, Flags: c.flags, Size: 100})
		if d.Class != c.want || d.Why == "" {
			t.Errorf("%s in %s: %q, wanted %q: %s", c.flags, c.to, d.Class, c.want, d.Why)
		}
	}
}

// Size and the user's wish come before all else.
func TestLeftOut(t *testing.T) {
	for _, said := range []learn.Class{learn.None, learn.Spam} {
		for name, c := range map[string]struct {
			change rule.Change
			want   learn.Class
		}{
			"off":       {rule.Change{Size: 100, Off: true}, learn.None},
			"small":     {rule.Change{Size: 9}, learn.None},
			"just less": {rule.Change{Size: 10}, learn.Spam},
			"just more": {rule.Change{Size: 1000}, learn.Spam},
			"big":       {rule.Change{Size: 1001}, learn.None},
		} {
			c.change.Said, c.change.To = said, "Junk"
			if d := site.Decide(c.change); d.Class != c.want {
				t.Errorf("%s, said %q: %+v", name, said, d)
			}
		}
	}
	boundless := site
	boundless.MaxSize = 0
	if d := boundless.Decide(rule.Change{To: "Junk", Size: 1 << 40}); d.Class != learn.Spam {
		t.Errorf("without a bound: %+v", d)
	}
}

func TestNames(t *testing.T) {
	s := rule.Settings{Junk: []string{"Junk", "Trash/Junk", "INBOX"}, Trash: []string{"Trash", "Junk.old"}, Separator: ".", Prefix: "INBOX."}
	for folder, want := range map[string]bool{
		"Junk": true, "INBOX.Junk": true, "INBOX.Junk.a": true, "Junk/a": false, "Junk.old": false, "INBOX.Junk.old.b": false,
		"Trash": false, "Trash/Junk": true, "Trash/Junk.x": true, "INBOX": false, "": false, "INBOX.": false,
	} {
		if s.IsJunk(folder) != want {
			t.Errorf("%q is junk: %v", folder, !want)
		}
	}
}

func TestParseCause(t *testing.T) {
	if c, err := rule.ParseCause("copy"); c != rule.Copy || err != nil {
		t.Errorf("%q, %v", c, err)
	}
	for _, bad := range []string{"", "move", "delivery"} {
		if _, err := rule.ParseCause(bad); err == nil {
			t.Errorf("%q is a cause", bad)
		}
	}
}
