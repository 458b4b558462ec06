package learn_test

import (
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/learn"
)

func TestParseClass(t *testing.T) {
	for _, c := range []learn.Class{learn.Spam, learn.Ham} {
		if got, err := learn.ParseClass(string(c)); got != c || err != nil {
			t.Errorf("%s: %q, %v", c, got, err)
		}
		if c.Other() == c || c.Other().Other() != c {
			t.Errorf("%s: other class %q", c, c.Other())
		}
	}
	for _, bad := range []string{"", "SPAM", "junk"} {
		if _, err := learn.ParseClass(bad); err == nil {
			t.Errorf("%q is a class", bad)
		}
	}
}

const text = "From: a@example.net\nSubject: one\n two\nMessage-ID: <1@example.net>\n\nfirst\n\nlast\n"

func hash(t *testing.T, s string) learn.Hash {
	t.Helper()
	h, err := learn.HashOf(message.Parse([]byte(s)))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What delivery, filters and clients change in a copy does not matter, and all
// else does.
func TestHash(t *testing.T) {
	want := hash(t, text)
	for name, same := range map[string]string{
		"CRLF":            strings.ReplaceAll(text, "\n", "\r\n"),
		"no last newline": strings.TrimSuffix(text, "\n"),
		"empty lines":     text + "\n\n",
		"trace":           "Return-Path: <b@example.net>\nDelivered-To: u@example.org\nReceived: from x\n\tby y; date\n" + text,
		"verdict":         "X-Spam-Status: Yes\nX-Spam-Flag: YES\nX-Bogosity: Spam\n" + text,
		"mbox":            "Status: RO\nX-UID: 7\nContent-Length: 12\n" + text,
		"folding":         strings.Replace(text, "one\n two", "one two", 1),
		"case of names":   strings.Replace(text, "Subject", "SUBJECT", 1),
	} {
		if hash(t, same) != want {
			t.Errorf("%s: another hash", name)
		}
	}
	for name, other := range map[string]string{
		"subject":      strings.Replace(text, "one", "two", 1),
		"case":         strings.Replace(text, "one", "One", 1),
		"body":         strings.Replace(text, "last", "lost", 1),
		"inner line":   strings.Replace(text, "first\n\n", "first\n", 1),
		"bare CR":      strings.Replace(text, "first", "fi\rrst", 1),
		"field":        "X-Mailer: y\n" + text,
		"first line":   strings.Replace(text, "\n\nfirst", "\n\n\nfirst", 1),
		"field's home": strings.Replace(text, "Subject: one\n two\nMessage-ID: <1@example.net>\n\n", "Subject: one\n two\n\nMessage-ID: <1@example.net>\n", 1),
	} {
		if hash(t, other) == want {
			t.Errorf("%s: the same hash", name)
		}
	}
}
