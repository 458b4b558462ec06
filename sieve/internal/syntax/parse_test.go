package syntax

import (
	"fmt"
	"strings"
	"testing"
)

// show writes a tree as one line.
func show(nodes []*Node) string {
	var b strings.Builder
	for i, n := range nodes {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(n.Name)
		for _, a := range n.Args {
			b.WriteByte(' ')
			b.WriteString(showArg(a))
		}
		if len(n.Tests) > 0 {
			open, end := " <", ">"
			if n.TestList {
				open, end = " (", ")"
			}
			b.WriteString(open + show(n.Tests) + end)
		}
		if n.HasBlock {
			b.WriteString(" {" + show(n.Block) + "}")
		}
		if !n.IsTest {
			b.WriteByte(';')
		}
	}
	return b.String()
}

func showArg(a Arg) string {
	switch a.Kind {
	case String:
		return fmt.Sprintf("%q", a.Str)
	case Number:
		return fmt.Sprint(a.Num)
	case Tag:
		return ":" + a.Str
	}
	var items []string
	for _, item := range a.List {
		items = append(items, showArg(item))
	}
	return "[" + strings.Join(items, " ") + "]"
}

func TestParseTree(t *testing.T) {
	tests := []struct{ src, want string }{
		{"", ""},
		{"keep;", "keep;"},
		{"KEEP ;\r\n# end\r\n", "keep;"},
		{`fileinto :copy "a" ;`, `fileinto :copy "a";`},
		{`x 1 2k 3M 4g 18446744073709551615;`, `x 1 2048 3145728 4294967296 18446744073709551615;`},
		{`x ["a", "b"] [ "c" ];`, `x ["a" "b"] ["c"];`},
		{`if not exists "a" { stop; } else { }`, `if <not <exists "a">> {stop;} else {};`},
		{`if anyof(true, allof (a, b :c "d")) {keep;discard;}`, `if <anyof (true allof (a b :c "d"))> {keep; discard;};`},
		{`x "a\"b\\c\d";`, `x "a\"b\\cd";`},
		{"x \"a\nb\r\nc\";", `x "a\r\nb\r\nc";`},
		{"x text: # comment\n..a\n.b\nc\n.\n;", `x ".a\r\n.b\r\nc\r\n";`},
		{"x TEXT:\r\n.\r\n;", `x "";`},
		{"x /* a ** / * */ \"b\" /**/;", `x "b";`},
		{"text;", "text;"},
	}
	for _, tt := range tests {
		nodes, diags := Parse("t", []byte(tt.src), Limits{})
		if got := strings.ReplaceAll(show(nodes), "};", "}"); got != strings.ReplaceAll(tt.want, "};", "}") || len(diags) > 0 {
			t.Errorf("%q: got  %s\nwant %s\n%v", tt.src, got, tt.want, diags)
		}
	}
}

// TestParseErrors tells all errors of a script with their positions; those of
// Pigeonhole at the same lines.
func TestParseErrors(t *testing.T) {
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	tests := []struct {
		name, src string
		want      []string
	}{
		{"no semicolon", "keep", []string{"1:5: expected end of command ';' or the beginning of a compound block '{', but found end of file"}},
		{"stray brace", "keep;\n}", []string{"2:1: unexpected '}' found at (the presumed) end of file"}},
		{"open block", "if true {\n keep;", []string{"2:7: expected end of compound block '}', but found end of file"}},
		{"two commands go on", "keep :;\nstop ,;\nkeep;", []string{
			"1:6: expected end of command ';' or the beginning of a compound block '{', but found ':'",
			"2:6: expected end of command ';' or the beginning of a compound block '{', but found ','",
		}},
		{"list without end", "x [\"a\" \"b\"]; y [1];", []string{
			"1:8: expecting ',' or end of string list ']', but found string",
			"1:17: expecting string after '[' in string list, but found number",
		}},
		{"list with a comma too much", `x ["a",];`, []string{"1:8: expecting string after ',' in string list, but found ']'"}},
		{"tests", "if anyof(true, \"x\") {keep;}", []string{"1:16: expecting test identifier after ',' in test list, but found string"}},
		{"garbage counts once", "keep $%& ;\nkeep;", []string{
			"1:6: unexpected character(s) starting with '$'",
			"1:6: expected end of command ';' or the beginning of a compound block '{', but found unknown characters",
		}},
		{"number too large", "x 18446744073709551616; y 99999999999G;", []string{
			"1:23: number exceeds integer limits (max 18446744073709551615)",
			"1:39: number exceeds integer limits (max 18446744073709551615)",
		}},
		{"string without end", "keep;\nx \"abc\n;", []string{"3:2: end of file before end of quoted string started at line 2"}},
		{"NUL in a string", "x \"a\x00\";", []string{
			"1:5: encountered NUL character in quoted string started at line 1",
			"1:5: unexpected character(s) starting with 0x00",
			"1:8: end of file before end of quoted string started at line 1",
		}},
		{"stray CR", "x \"a\rb\";", []string{
			"1:6: found stray carriage-return (CR) character in quoted string started at line 1",
			"1:9: end of file before end of quoted string started at line 1",
		}},
		{"text without end", "x text:\nabc", []string{"2:4: end of file before end of multi-line string"}},
		{"text with more", "x text: abc\n.\n;", []string{
			"1:9: invalid character 'a' after 'text:' in multiline string",
			"2:1: unexpected character(s) starting with '.'",
		}},
		{"comment without end", "/* a", []string{"1:5: end of file before end of bracket comment ('/* ... */') started at line 1"}},
		{"long identifier", many(33, "a") + ";", []string{"1:34: encountered impossibly long identifier '" + many(32, "a") + "...'"}},
		{"blocks too deep", many(32, "if true {") + "keep;" + many(32, "}"), []string{
			"1:289: cannot nest command blocks deeper than 32 levels",
		}},
		{"tests too deep", "if " + many(40, "not ") + "true {keep;}", []string{"1:128: cannot nest tests deeper than 32 levels"}},
		{"too many arguments", "x" + many(33, " 1") + ";", []string{"1:68: too many arguments for command 'x'"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nodes, diags := Parse("t", []byte(tt.src), Limits{})
			if nodes != nil {
				t.Error("a tree came out")
			}
			var got []string
			for _, d := range diags {
				got = append(got, fmt.Sprintf("%d:%d: %s", d.Pos.Line, d.Pos.Col, d.Text))
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestParseLimits(t *testing.T) {
	for _, tt := range []struct {
		src   string
		limit Limits
		want  string
	}{
		{"keep; keep;", Limits{ScriptSize: 10}, "script is too large"},
		{`x "abcdef";`, Limits{StringSize: 5}, "is too long (longer than 5 bytes)"},
		{"x text:\nabcdef\n.\n;", Limits{StringSize: 5}, "is too long (longer than 5 bytes)"},
		{"a { b { c; } }", Limits{Blocks: 2}, "deeper than 2 levels"},
	} {
		_, diags := Parse("t", []byte(tt.src), tt.limit)
		if !strings.Contains(diags.Error(), tt.want) {
			t.Errorf("%q: %v", tt.src, diags)
		}
	}
}

func TestParseWarns(t *testing.T) {
	nodes, diags := Parse("t", []byte("keep; # no line end"), Limits{})
	if len(nodes) != 1 || diags.Count(Warning) != 1 || diags.HasErrors() {
		t.Errorf("%v %v", nodes, diags)
	}
}

// FuzzParse looks for panics and endless loops, and for a tree beside an error
// or none without one.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "keep;", `if anyof(header :is "a" ["b","c"], not true) { fileinto "x"; } else { stop; }`,
		"x text:\n..\n.\n;", "/* */ # \n", "x [\"a\" ] :t 1K { ( } ]", "\"\\", "text:", ":", "/", "a{b{c{",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		nodes, diags := Parse("f", src, Limits{ScriptSize: 1 << 16})
		if (nodes == nil) != diags.HasErrors() {
			t.Errorf("tree %v, findings %v", nodes, diags)
		}
		for _, d := range diags {
			if d.Pos.Line > 1+strings.Count(string(src), "\n") {
				t.Errorf("beyond the end: %v", d)
			}
		}
	})
}
