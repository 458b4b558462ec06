package ere

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var octets = Text{
	Prefix: func(v, l string) (int, bool) { return len(l), strings.HasPrefix(v, l) },
	Index:  func(v, l string) (int, int) { return strings.Index(v, l), len(l) },
}

var folded = Text{
	Fold: true,
	Prefix: func(v, l string) (int, bool) {
		return len(l), len(v) >= len(l) && strings.EqualFold(v[:len(l)], l)
	},
	Index: func(v, l string) (int, int) { return strings.Index(strings.ToLower(v), strings.ToLower(l)), len(l) },
}

// TestFind has the answers of the GNU library (by Pigeonhole's sieve-test), but
// for those marked.
func TestFind(t *testing.T) {
	const subject = "foo bar Baz 123 [x] ({y})"
	tests := []struct {
		expr, value string
		want        []string
	}{
		{"foo", subject, []string{"foo"}},
		{"^foo", subject, []string{"foo"}},
		{"^bar", subject, nil},
		{`\)$`, subject, []string{")"}},
		{"baz$", subject, nil},
		{"b.r", subject, []string{"bar"}},
		{"^f.o.b", subject, []string{"foo b"}},
		{"bar.$", "bar bars", []string{"bars"}},
		{"ü.", "grüße", []string{"üß"}},
		{"foo(bar|) (bar|baz)", subject, []string{"foo bar", "", "bar"}},
		{"(foo|foo bar)", subject, []string{"foo bar", "foo bar"}}, // the longest
		{"(a|ab)(c|bcd)(d*)", "abcd", []string{"abcd", "a", "bcd", ""}},
		{"[0-9]{,2}$", "a12", []string{"12"}},
		{"[[:digit:]]{2,}", subject, []string{"123"}},
		{"[]x]+", subject, []string{"x]"}},
		{"[^]x[ ]+$", subject, []string{"({y})"}},
		{`[\d]+`, `a\d`, []string{`\d`}}, // a backslash is itself in brackets
		{"a**", "aaa", []string{"aaa"}},
		{"a+?", "baa", []string{""}}, // the optional, not the lazy one
		{"a{2}{3}", "aaaaaaa", []string{"aaaaaa"}},
		{"a)", "a)", []string{"a)"}},
		{"[[.x.]]", subject, []string{"x"}},
		{`\<Baz\>`, subject, []string{"Baz"}},
		{`\d+`, subject, []string{"123"}}, // not so in the library
		{"a.c", "a\nc", []string{"a\nc"}},
		{"^$", "", []string{""}},
		{"", "x", []string{""}},
		{"(^|x)foo", "xfoo", []string{"xfoo", "x"}},
		{`\é+`, "éé", []string{"éé"}},
	}
	for _, tt := range tests {
		re, err := Compile(tt.expr, octets)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		if got := re.Find(tt.value, nil); !slices.Equal(got, tt.want) {
			t.Errorf("%s in %q: %q, want %q", tt.expr, tt.value, got, tt.want)
		}
		if re.Match(tt.value, nil) != (tt.want != nil) {
			t.Errorf("%s in %q: Match and Find differ", tt.expr, tt.value)
		}
	}
}

// TestUntil finds the same character by character, and ends where it is told to.
func TestUntil(t *testing.T) {
	for _, tt := range []struct{ expr, value string }{
		{"(a|ab)(c|bcd)(d*)", "xabcd"}, {`\<b+$`, "ab bb"}, {"b.d", "abcd"}, {"^x", "ax"}, {"(ü)|(x)", "\xffü"},
	} {
		re, err := Compile(tt.expr, octets)
		if err != nil {
			t.Fatal(err)
		}
		never, n := func() bool { return false }, 0
		want := re.Find(tt.value, nil)
		if got := re.Find(tt.value, never); !slices.Equal(got, want) || re.Match(tt.value, never) != (want != nil) {
			t.Errorf("%s in %q: %q, want %q", tt.expr, tt.value, got, want)
		}
		if re.Match(tt.value, func() bool { n++; return true }) || n == 0 {
			t.Errorf("%s in %q: not ended, asked %d times", tt.expr, tt.value, n)
		}
	}
}

// TestManyGroups has groups beyond those whose text is told.
func TestManyGroups(t *testing.T) {
	re, err := Compile(strings.Repeat("(a)", 40), octets)
	if err != nil {
		t.Fatal(err)
	}
	if found := re.Find(strings.Repeat("a", 40), nil); len(found) != 1+maxGroups || len(found[0]) != 40 {
		t.Errorf("%d values", len(found))
	}
}

func TestFold(t *testing.T) {
	for _, expr := range []string{"^YES.no", "^yes[.]NO", "(Yes)"} {
		re, err := Compile(expr, folded)
		if err != nil || !re.Match("Yes.No", nil) {
			t.Errorf("%s does not match: %v", expr, err)
		}
		if re, err = Compile(expr, octets); err != nil || re.Match("YES.No", nil) {
			t.Errorf("%s matches other case: %v", expr, err)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, expr := range []string{
		"*a", "+a", "(*a)", "a|*b", "^*", "{1}", "(a", "[", "[]", "[z-a]", "[a", "[[:foo:]]", `\`,
		"a{", "a{x}", "a{1", "a{1,2,3}", "a{40000}", "(?:a)", `(a)\1`, "[[.ab.]]",
		"((a{1000}){1000}){1000}", "(a{1000}){1000}", strings.Repeat("a{1000}", 51), strings.Repeat("a", maxSize+1),
		strings.Repeat("(", 1<<20), strings.Repeat("(", 300) + "a" + strings.Repeat(")", 300), "a" + strings.Repeat("*", 1<<20),
		strings.Repeat("a|", 1<<19),
	} {
		if re, err := Compile(expr, octets); err == nil {
			t.Errorf("%.80s compiles to %v", expr, re)
		}
	}
}

// TestLinearTime ends only if matching takes no exponential time.
func TestLinearTime(t *testing.T) {
	done := make(chan bool)
	go func() {
		defer close(done)
		for _, expr := range []string{"(a*)*b", "(a|aa)+$", "(x+x+)+y"} {
			re, err := Compile(expr, octets)
			if err != nil {
				t.Errorf("%s: %v", expr, err)
				continue
			}
			re.Match(strings.Repeat("a", 20000)+strings.Repeat("x", 20000), nil)
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("still matching after a minute")
	}
}

// FuzzFind holds the shortcut for plain expressions against the automaton.
func FuzzFind(f *testing.F) {
	f.Add("^a.b$", "axb")
	f.Add("a.*(b|c){2}", "aabc")
	f.Add("[]^-]", "x-")
	f.Add(")0", "0)")
	f.Fuzz(func(t *testing.T, expr, value string) {
		re, err := Compile(expr, octets)
		if err != nil || re.plain == nil || !utf8.ValidString(expr) || !utf8.ValidString(value) { // Go's refuses other bytes
			return
		}
		out, err := (&translator{src: expr}).translate()
		if err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		slow := regexp.MustCompile("(?s)" + out)
		slow.Longest()
		if got, want := re.Find(value, nil), slow.FindStringSubmatch(value); !slices.Equal(got, want) {
			t.Errorf("%q in %q: %q, want %q", expr, value, got, want)
		}
	})
}
