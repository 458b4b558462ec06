package config

import (
	"testing"

	"dovetail/learn"
	"dovetail/learn/rule"
)

func TestRules(t *testing.T) {
	const own = "[mail]\nspecial_use = ['Quarantine=\\Junk']\nseparator = '.'\nprefix = 'INBOX.'\n[learn]\nignore = 'Lists'\nmin_size = 20\nmax_size = '1k'\n"
	for _, c := range []struct {
		text, from, to string
		size           int64
		want           learn.Class
	}{
		{"", "INBOX", "Spam", 1, learn.Spam},
		{"", "INBOX", "Junk/old", 10 << 20, learn.Spam},
		{"", "INBOX", "Spam", 0, learn.None},
		{"", "INBOX", "Spam", 10<<20 + 1, learn.None},
		{"", "Spam", "Trash", 1, learn.None},
		{"", "Sent", "Spam", 1, learn.None},
		{"", "INBOX", "Quarantine", 1, learn.None},
		{own, "INBOX", "INBOX.Quarantine.x", 20, learn.Spam},
		{own, "INBOX", "INBOX.Quarantine/x", 20, learn.None},
		{own, "INBOX.Lists", "INBOX.Spam", 20, learn.None},
		{own, "INBOX.Sent", "INBOX.Spam", 20, learn.Spam},
		{own, "INBOX", "INBOX.Spam", 19, learn.None},
		{own, "INBOX", "INBOX.Spam", 1025, learn.None},
	} {
		config, err := Load(machine(write(t, c.text)))
		if err != nil {
			t.Fatal(err)
		}
		if d := config.Rules().Decide(rule.Change{From: c.from, To: c.to, Size: c.size}); d.Class != c.want {
			t.Errorf("%q: from %s to %s, %d bytes: %+v", c.text, c.from, c.to, c.size, d)
		}
	}
}
