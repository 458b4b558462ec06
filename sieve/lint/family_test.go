package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dovetail/sieve"
	"dovetail/sieve/lint"
)

// texts are scripts by name, those of the site with "global/" before it. Where the
// text is "later" the script is known when the including one runs.
type texts map[string]string

func (s texts) Script(at sieve.Location, name string) (string, []byte, error) {
	file := name + ".sieve"
	if at == sieve.Global {
		file = "global/" + file
	}
	switch text, ok := s[file]; {
	case !ok:
		return file, nil, sieve.ErrNoScript
	case text == "later":
		return file, nil, sieve.ErrAtRun
	default:
		return file, []byte(text), nil
	}
}

// Included scripts are looked into, each once; what they do counts for those that
// include them.
func TestIncluded(t *testing.T) {
	e := newEngine(t)
	const inc = `require "include"; `
	const vars = `require ["include", "variables"]; `
	for _, c := range []struct {
		name    string
		script  string // of main.sieve
		scripts texts
		want    []string
	}{
		{"nothing", inc + `include "a";`, texts{"a.sieve": "keep;"}, nil},
		{"a warning in it", inc + `include "a";`, texts{"a.sieve": "\nif true { keep; }"}, []string{"a.sieve:2:4 constant-test"}},
		{"personal and global", inc + `include "a"; include :global "a";`,
			texts{"a.sieve": "stop; keep;", "global/a.sieve": "if true { keep; }"},
			[]string{"main.sieve:1:33 unreachable", "a.sieve:1:7 unreachable", "global/a.sieve:1:4 constant-test"}},
		{"what users may not", inc + `include "a"; include :global "a";`,
			texts{"a.sieve": `require "editheader"; addheader "X" "y";`, "global/a.sieve": `require "editheader"; addheader "X" "y";`},
			[]string{"main.sieve:1:20 error: included personal script 'a' is faulty",
				"main.sieve:0:0 error: validation failed",
				"a.sieve:1:9 error: require command: failed to load Sieve capability 'editheader': its use is restricted to global scripts [sieve_global_extensions keeps it for the site's scripts (sieve check --global); to allow it to users take it out there and add +editheader to sieve_extensions]",
				"a.sieve:1:23 error: unknown command 'addheader' (only reported once at first occurrence)"}},
		{"included twice", inc + `include "a"; include "b"; include :once "a";`,
			texts{"a.sieve": "if true { keep; }", "b.sieve": inc + `include "a";`}, []string{"a.sieve:1:4 constant-test"}},
		{"an error deep in it", inc + `include "a";`, texts{"a.sieve": inc + `include "b";`, "b.sieve": "\nkep;"},
			[]string{"main.sieve:1:20 error: included personal script 'a' is faulty", "main.sieve:0:0 error: validation failed",
				"a.sieve:1:20 error: included personal script 'b' is faulty", "b.sieve:2:1 error: unknown command 'kep' (only reported once at first occurrence) [did you mean keep?]"}},
		{"missing", inc + `include "a";`, nil,
			[]string{"main.sieve:1:20 error: included personal script 'a' does not exist [looked for as a.sieve]", "main.sieve:0:0 error: validation failed"}},
		{"missing and optional", inc + `include :optional "a"; keep;`, nil, nil},
		{"known later", inc + `include "a"; keep;`, texts{"a.sieve": "later"}, nil},
		{"a circle", inc + `include "a"; if true { }`, texts{"a.sieve": inc + `include "b";`, "b.sieve": inc + `include "a";`},
			[]string{"main.sieve:1:20 error: included personal script 'a' is faulty", "main.sieve:1:36 constant-test", "main.sieve:0:0 error: validation failed",
				"a.sieve:1:20 error: included personal script 'b' is faulty", "b.sieve:1:20 error: circular include of personal script 'a'"}},
		{"a circle over the script itself", inc + `include "main"; if true { }`, texts{"main.sieve": inc + `include "main"; if true { }`},
			[]string{"main.sieve:1:20 error: circular include of personal script 'main'", "main.sieve:1:20 error: included personal script 'main' is faulty",
				"main.sieve:1:39 constant-test", "main.sieve:0:0 error: validation failed"}},
		{"a circle that ends", inc + `include "a"; keep;`, texts{"a.sieve": inc + `include :once "a"; stop;`}, []string{"main.sieve:1:33 unreachable"}},
		{"not again", inc + `include :once "a"; keep;`, texts{"a.sieve": "stop;"}, nil},

		{"always stops", inc + `include "a"; keep;`, texts{"a.sieve": "discard; stop;"}, []string{"main.sieve:1:33 unreachable"}},
		{"stops over another", inc + `include "a"; keep;`, texts{"a.sieve": inc + `include "b";`, "b.sieve": "stop;"}, []string{"main.sieve:1:33 unreachable"}},
		{"stops on all branches", inc + `if exists "a" { include "a"; } else { include "a"; } keep;`, texts{"a.sieve": `if size :over 1 { stop; } else { stop; }`},
			[]string{"main.sieve:1:73 unreachable"}},
		{"may stop", inc + `include "a"; keep;`, texts{"a.sieve": `if exists "a" { stop; }`}, nil},
		{"returns", inc + `include "a"; keep;`, texts{"a.sieve": inc + `return;`}, nil},
		{"may return before", inc + `include "a"; keep;`, texts{"a.sieve": inc + `if exists "a" { return; } stop;`}, nil},
		{"may return deep before", inc + `include "a"; keep;`, texts{"a.sieve": inc + `if exists "a" { stop; } else { if exists "b" { return; } stop; }`}, nil},
		{"returns inside", inc + `include "a"; keep;`, texts{"a.sieve": inc + "return; keep;"}, []string{"a.sieve:1:28 unreachable"}},
		{"includes one that stops inside", inc + `include "a";`, texts{"a.sieve": inc + `include "b"; keep;`, "b.sieve": "stop;"}, []string{"a.sieve:1:33 unreachable"}},

		{"pipe, run by imapsieve", `require ["include", "imapsieve", "environment"]; if environment "imap.cause" "COPY" { include "a"; }`,
			texts{"a.sieve": `require ["vnd.dovecot.pipe", "copy"]; pipe :copy "x";`}, nil},

		{"global variables", vars + `global "x"; set "x" "1"; include "a";`, texts{"a.sieve": vars + `global "X"; if string "${x}" "1" { keep; }`}, nil},
		{"another name", vars + `global "tag"; set "tag" "1"; include "a";`, texts{"a.sieve": vars + `global "tags"; if string "${tags}" "1" { keep; }`},
			[]string{`main.sieve:1:42 global-variable [did you mean tags?]`, `a.sieve:1:42 global-variable [did you mean tag?]`}},
		{"not declared there", vars + `global "x"; set "x" "1"; include "a";`, texts{"a.sieve": vars + `if string "${x}" "1" { keep; }`}, []string{"main.sieve:1:42 global-variable", "a.sieve:1:10 unused-require [leave it out]"}},
		{"by the namespace", vars + `global "x"; set "x" "1"; include "a";`, texts{"a.sieve": vars + `if string "${global.x}" "1" { keep; }`}, nil},
		{"set by the namespace", vars + `set "global.x" "1"; include "a";`, texts{"a.sieve": vars + `global "x"; if string "${x}" "1" { keep; }`}, nil},
		{"not used", vars + `global ["x", "y"]; set "x" "${x}1"; include "a";`, texts{"a.sieve": "keep;"}, []string{"main.sieve:1:48 global-variable [leave it out]"}},
		{"flags in a variable", `require ["include", "variables", "imap4flags"]; global "x"; addflag "x" "a"; include "a";`, texts{"a.sieve": "keep;"}, nil},
		{"one of many scripts", vars + `global "x"; set "x" "1";`, nil, nil},
		{"not all are known", vars + `global "x"; set "x" "1"; include "a"; include "b";`, texts{"a.sieve": "keep;", "b.sieve": "later"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range lint.Script(e, "main.sieve", []byte(c.script), lint.Options{Source: c.scripts}) {
				line := fmt.Sprintf("%s:%d:%d %s", f.Script, f.Pos.Line, f.Pos.Col, f.Rule)
				if f.Rule == "" {
					line += fmt.Sprintf("%v: %s", f.Severity, f.Text)
				}
				if f.Hint != "" && f.Rule != "constant-test" {
					line += " [" + f.Hint + "]"
				}
				got = append(got, line)
				src := c.script
				if f.Script != "main.sieve" {
					src = c.scripts[f.Script]
				}
				if f.Pos.IsValid() && f.Line != strings.Split(src, "\n")[f.Pos.Line-1] {
					t.Errorf("%s has the line %q", line, f.Line)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
