package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// A small language of its own: the engine knows no extension, so its tests bring theirs.

var errLeave = errors.New("leave")

var counter = NewState(func() *int { return new(int) })

var greeting = NewConfig(func(s Settings) (string, error) {
	if s["greeting"] == "bad" {
		return "hello", errors.New("greeting: bad")
	}
	return s["greeting"], nil
})

func base() *Extension {
	return &Extension{
		Name: "base", Spec: "test", Base: true, Configs: []Configuration{greeting},
		AddressParts: []AddressPart{{Name: "all"}},
		Comparators:  []Comparator{{Name: "i;ascii-casemap", Equal: EqualASCII}},
		MatchTypes: []MatchType{{Name: "is", Key: func(_ Holder, _ *MatchUse, key string) (KeyMatcher, error) {
			return func(_ *Run, v string) bool { return v == key }, nil
		}}},
		Commands: []Command{
			{Name: "need", Params: []Param{{Name: "name", Kind: StringList}}, Op: func(c *Call) (Op, error) {
				for _, s := range c.Strs(0) {
					name, _ := s.Const()
					if err := c.Require(s.Pos, name); err != nil {
						return nil, err
					}
				}
				return nil, nil
			}},
			{Name: "store", Params: []Param{{Name: "box", Kind: String}}, Op: func(c *Call) (Op, error) {
				return func(r *Run) error {
					return r.Do(c, &action.Store{Mailbox: c.Str(0).Eval(r), Message: r.Message()})
				}, nil
			}},
			{Name: "catch", Block: true, Op: func(c *Call) (Op, error) {
				return func(r *Run) error {
					if err := c.Block.Run(r); err != nil && !errors.Is(err, errLeave) {
						return err
					}
					return nil
				}, nil
			}},
			{Name: "leave", Op: func(*Call) (Op, error) { return func(*Run) error { return errLeave }, nil }},
			{Name: "fail", Op: func(c *Call) (Op, error) {
				return func(r *Run) error { return r.Fail(c.Pos, "failed on purpose") }, nil
			}},
			{Name: "count", Op: func(c *Call) (Op, error) {
				*counter.Of(c)++ // while compiling: another memory than that of runs
				return func(r *Run) error {
					*counter.Of(r)++
					return r.Do(c, &action.Store{Mailbox: fmt.Sprint(greeting.Of(r), *counter.Of(r)), Copy: true})
				}, nil
			}},
			{Name: "optional", Params: []Param{{Name: "a", Kind: String, Optional: true}, {Name: "b", Kind: Number}}, Op: func(c *Call) (Op, error) {
				return func(r *Run) error {
					n, _ := c.Num(1)
					box := fmt.Sprint(n)
					if c.Str(0) != nil {
						box = c.Str(0).Eval(r) + box
					}
					return r.Do(c, &action.Store{Mailbox: box})
				}, nil
			}},
			{Name: "subject", Match: true, Params: []Param{{Name: "keys", Kind: StringList}}, Test: func(c *Call) (Cond, error) {
				m, fields := c.Matcher(), c.Fields()
				return func(r *Run) (bool, error) {
					x := m.Begin(r)
					list, err := fields(r, "subject")
					for _, f := range list {
						if err = x.Value(f.Value()); err != nil {
							break
						}
					}
					return x.End(err)
				}, nil
			}},
			{Name: "when", Subtests: OneTest, Block: true, Op: func(c *Call) (Op, error) {
				test := c.Tests[0]
				return func(r *Run) error {
					if ok, err := test.Run(r); err != nil || !ok {
						return err
					}
					return c.Block.Run(r)
				}, nil
			}},
		},
	}
}

// more adds to the commands of base without their knowing.
func more() *Extension {
	flag := func(name string) Effect {
		return func(_ *Run, a action.Action) error {
			s := a.(*action.Store)
			s.Flags = append(s.Flags, name)
			return nil
		}
	}
	return &Extension{
		Name: "more", Spec: "test",
		Tags: []Tag{
			{Name: "flag", On: []string{"store"}, Param: &Param{Name: "flag", Kind: String, Const: true}, Apply: func(c *Call, t *TagUse) error {
				name, _ := t.Str().Const()
				c.AddEffect(flag(name))
				return nil
			}},
			{Name: "last", On: []string{"subject"}, Apply: func(c *Call, _ *TagUse) error {
				c.WrapFields(func(source FieldSource) FieldSource {
					return func(r *Run, name string) ([]*Field, error) {
						list, err := source(r, name)
						return list[max(0, len(list)-1):], err
					}
				})
				return nil
			}},
		},
		Implicit: []Implicit{{On: []string{"store"}, Apply: func(c *Call) error {
			if c.Tag("flag") == nil {
				c.AddEffect(flag("implicit"))
			}
			return nil
		}}},
		Keep: func(_ *Run, s *action.Store) { s.Flags = []string{"kept"} },
	}
}

func run(t *testing.T, o Options, src string) *Result {
	t.Helper()
	o.Extra = append(o.Extra, base(), more())
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p, diags := e.Compile("s", []byte(src), true)
	if p == nil {
		t.Fatal(diags)
	}
	return p.Run(context.Background(), message.Parse([]byte("Subject: one\nSubject: two\n\n")), &Env{})
}

func TestExtensions(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"tags only where required", `store "a";`, "a[]"},
		{"tag of another", `need "more"; store :flag "x" "a";`, "a[x]"},
		{"implicit effect", `need "more"; store "a";`, "a[implicit]"},
		{"implicit keep", `need "more";`, "keep[kept]"},
		{"block left", `catch { store "a"; leave; store "b"; } store "c";`, "a[] c[]"},
		{"nested block left", `catch { catch { leave; } store "a"; }`, "a[]"},
		{"error goes through", `catch { store "a"; fail; } store "c";`, "keep[] error"},
		{"left without an owner", `leave;`, "keep[] error"},
		{"state of a run", `count; count;`, "hi1[] hi2[] keep[]"},
		{"optional argument", `optional "x" 1; optional 2;`, "x1[] 2[]"},
		{"fields", `when subject "one" { store "a"; }`, "a[]"},
		{"fields from elsewhere", `need "more"; when subject :last "one" { store "a"; } when subject :last "two" { store "b"; }`, "b[implicit]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := run(t, Options{Settings: map[string]string{"greeting": "hi"}}, tt.src)
			var got []string
			for _, a := range res.Actions {
				got = append(got, fmt.Sprint(a.(*action.Store).Mailbox, a.(*action.Store).Flags))
			}
			if res.Keep != nil {
				got = append(got, fmt.Sprint("keep", res.Keep.Flags))
			}
			if res.Err != nil {
				got = append(got, "error")
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v (%v), want %s", got, res.Err, tt.want)
			}
		})
	}
}

func TestNewRefusesTwoOfAName(t *testing.T) {
	if _, err := New(Options{Extra: []*Extension{more(), more()}}); err == nil || !strings.Contains(err.Error(), `"more"`) {
		t.Errorf("error %v", err)
	}
}

func TestNewTellsOfBadSettings(t *testing.T) {
	e, err := New(Options{Extra: []*Extension{base()}, Settings: map[string]string{"greeting": "bad"}})
	if err == nil || !strings.Contains(err.Error(), "greeting: bad") {
		t.Fatalf("error %v", err)
	}
	p, _ := e.Compile("s", []byte("count;"), false)
	res := p.Run(context.Background(), message.Parse(nil), &Env{})
	if box := res.Actions[0].(*action.Store).Mailbox; box != "hello1" {
		t.Errorf("the default is not in force: %q", box)
	}
}

func TestRunsShareNothing(t *testing.T) {
	e, err := New(Options{Extra: []*Extension{base()}})
	if err != nil {
		t.Fatal(err)
	}
	p, _ := e.Compile("s", []byte("count; count;"), false)
	done := make(chan string)
	for range 8 {
		go func() {
			res := p.Run(context.Background(), message.Parse(nil), &Env{})
			done <- res.Actions[len(res.Actions)-1].(*action.Store).Mailbox
		}()
	}
	for range 8 {
		if box := <-done; box != "2" {
			t.Errorf("a run counted to %q", box)
		}
	}
}

func TestASCII(t *testing.T) {
	for _, tt := range []struct {
		s, sub string
		at     int
	}{
		{"", "", 0}, {"abc", "", 0}, {"", "a", -1}, {"xAbC", "aBc", 1}, {"aab", "AB", 1}, {"[x]", "[X", 0},
		{"äÄ", "Ä", 2}, {"k\u212a", "\u212a", 1}, {"abab", "abc", -1}, {"@`", "`", 1},
	} {
		if at := IndexASCII(tt.s, tt.sub); at != tt.at {
			t.Errorf("%q in %q: at %d, want %d", tt.sub, tt.s, at, tt.at)
		}
	}
	if CompareASCII("a", "B") >= 0 || CompareASCII("B", "a") <= 0 || CompareASCII("ab", "A") <= 0 || CompareASCII("x", "X") != 0 {
		t.Error("the order is wrong")
	}
}
