package sieve

import (
	"context"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// FuzzMatch compares the match types (RFC 5228 section 2.7.1, RFC 5231, regex) with
// plain references, over values and keys of printable ASCII.
func FuzzMatch(f *testing.F) {
	e := newEngine(f, Options{})
	for _, s := range [][2]string{
		{"hello world", "*o?w*"}, {"aaaaaaab", "*a*a*b"}, {"a*b", `a\*b`}, {"", "*"}, {"x", "?"}, {"10", "9"}, {"007", "7"}, {"ABC", "abc"}, {"a\\", `a\\`},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, value, key string) {
		if len(value) > 200 || len(key) > 50 || value != strings.Trim(value, " ") || strings.Contains(value, "=?") || !printable(value) || !printable(key) {
			return
		}
		want := references(value, key)
		var src strings.Builder
		src.WriteString("require [\"relational\", \"regex\", \"fileinto\", \"copy\", \"comparator-i;ascii-numeric\", \"comparator-i;unicode-casemap\"];\n")
		for test := range want {
			k := key
			if strings.Contains(test, ":regex") {
				k = literalExpression(key)
			}
			fmt.Fprintf(&src, "if header %s \"X\" \"%s\" { fileinto :copy \"%s\"; }\n", test, quoting.Replace(k), quoting.Replace(test))
		}
		p, diags := e.Compile("f", []byte(src.String()), false)
		if diags.HasErrors() {
			t.Fatalf("%s: %v", src.String(), diags)
		}
		res := p.Run(context.Background(), message.Parse([]byte("X: "+value+"\n\n")), testEnv())
		got := map[string]bool{}
		for _, a := range res.Actions {
			got[a.(*action.Store).Mailbox] = true
		}
		for test, want := range want {
			if got[test] != want || res.Err != nil {
				t.Errorf("value %q key %q: %s gives %v (%v)", value, key, test, got[test], res.Err)
			}
		}
	})
}

// references tells which tests are true, the key of a regular expression taken
// literally.
func references(value, key string) map[string]bool {
	fold := strings.ToLower
	contains, matches := strings.Contains(fold(value), fold(key)), glob(fold(key)).MatchString(fold(value))
	return map[string]bool{
		`:is`:                                       fold(value) == fold(key),
		`:contains`:                                 contains,
		`:matches`:                                  matches,
		`:regex`:                                    contains,
		`:comparator "i;octet" :is`:                 value == key,
		`:comparator "i;octet" :contains`:           strings.Contains(value, key),
		`:comparator "i;octet" :matches`:            glob(key).MatchString(value),
		`:comparator "i;octet" :regex`:              strings.Contains(value, key),
		`:comparator "i;unicode-casemap" :is`:       fold(value) == fold(key),
		`:comparator "i;unicode-casemap" :contains`: contains,
		`:comparator "i;unicode-casemap" :matches`:  matches,
		`:value "lt"`:                               fold(value) < fold(key),
		`:value "ge" :comparator "i;octet"`:         value >= key,
		`:value "ge" :comparator "i;ascii-numeric"`: number(value).Cmp(number(key)) >= 0,
		`:value "eq" :comparator "i;ascii-numeric"`: number(value).Cmp(number(key)) == 0,
		`:count "eq" :comparator "i;ascii-numeric"`: number(key).Cmp(big.NewInt(1)) == 0,
	}
}

// literalExpression makes a regular expression that matches s and nothing else.
func literalExpression(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(`^.[]$()|*+?{}\`, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// glob makes a regular expression of a pattern with "*", "?" and backslashes.
func glob(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^(?s)")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(b.String() + "$")
}

// number is the value of i;ascii-numeric (RFC 4790 section 9.1.1): the digits in
// front; without any, greater than all numbers.
func number(s string) *big.Int {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	if n, ok := new(big.Int).SetString(s[:end], 10); ok {
		return n
	}
	return new(big.Int).Lsh(big.NewInt(1), 1000)
}
