package ext

import (
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

// The fields of several names are counted name by name, and those of a name that
// is given twice once.
func TestIndex(t *testing.T) {
	m := message.Parse([]byte("Subject: a\nX: c\nSubject: b\n\n"))
	for test, want := range map[string]bool{
		`:index 1 "subject" "a"`:                           true,
		`:index 2 "subject" "b"`:                           true,
		`:index 3 "subject" ["a", "b"]`:                    false,
		`:index 18446744073709551615 "subject" "a"`:        false,
		`:index 1 :last "subject" "b"`:                     true,
		`:index 2 :last "subject" "a"`:                     true,
		`:index 3 :last "subject" ["a", "b"]`:              false,
		`:index 4 :last "subject" ["a", "b"]`:              false,
		`:index 18446744073709551615 :last "subject" "a"`:  false,
		`:index 3 ["subject", "x"] "c"`:                    true,
		`:index 1 :last ["subject", "x"] "c"`:              true,
		`:index 3 :last ["subject", "x"] "a"`:              true,
		`:index 1 ["none", "x", "subject"] "c"`:            true,
		`:index 2 ["subject", "Subject"] "b"`:              true,
		`:index 3 ["subject", "Subject"] ["a", "b"]`:       false,
		`:index 1 :last ["subject", "Subject"] "b"`:        true,
		`:index 3 ["subject", "Subject", "x"] "c"`:         true,
		`:index 4 ["subject", "Subject", "x"] ["a", "b"]`:  false,
		`:index 2 :last ["x", "subject", "SUBJECT"] "a"`:   true,
		`:index 3 :last ["x", "subject", "SUBJECT"] ["c"]`: true,
	} {
		p := compileForTest(t, `require "index"; if header `+test+` { discard; }`, nil)
		if res := p.Run(t.Context(), m, &engine.Env{}); res.Err != nil || (res.Keep == nil) != want {
			t.Errorf("header %s: %v (%v)", test, res.Keep == nil, res.Err)
		}
	}
}
