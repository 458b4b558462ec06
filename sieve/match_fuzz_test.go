package sieve

import (
	"context"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"dovetail/internal/message"
)

// FuzzMatch compares the match types (RFC 5228 section 2.7.1, RFC 5231) with
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
		fold := strings.ToLower
		for test, want := range map[string]bool{
			`:is`:                             fold(value) == fold(key),
			`:contains`:                       strings.Contains(fold(value), fold(key)),
			`:matches`:                        glob(fold(key)).MatchString(fold(value)),
			`:comparator "i;octet" :is`:       value == key,
			`:comparator "i;octet" :contains`: strings.Contains(value, key),
			`:comparator "i;octet" :matches`:  glob(key).MatchString(value),
			`:value "lt"`:                     fold(value) < fold(key),
			`:value "ge" :comparator "i;ascii-numeric"`: number(value).Cmp(number(key)) >= 0,
			`:value "eq" :comparator "i;ascii-numeric"`: number(value).Cmp(number(key)) == 0,
			`:count "eq" :comparator "i;ascii-numeric"`: number(key).Cmp(big.NewInt(1)) == 0,
		} {
			src := fmt.Sprintf("require [\"relational\", \"comparator-i;ascii-numeric\"];\nif header %s \"X\" \"%s\" { discard; }", test, quoting.Replace(key))
			p, diags := e.Compile("f", []byte(src), false)
			if diags.HasErrors() {
				t.Fatalf("%s: %v", src, diags)
			}
			res := p.Run(context.Background(), message.Parse([]byte("X: "+value+"\n\n")), testEnv())
			if got := len(res.Actions) == 1; got != want || res.Err != nil {
				t.Errorf("value %q key %q: %s gives %v (%v)", value, key, test, got, res.Err)
			}
		}
	})
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
