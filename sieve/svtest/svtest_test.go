package svtest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a test file, with require in front, and other scripts beside it.
func write(t *testing.T, text string, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"case.svtest": "require [\"vnd.dovecot.testsuite\", \"fileinto\", \"variables\"];\n" + text}
	for name, s := range scripts {
		all[name] = s
	}
	for name, s := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "case.svtest")
}

// The runner must fail what fails: every oracle built on it depends on that.
func TestRunnerFails(t *testing.T) {
	tests := []struct {
		name    string
		text    string
		scripts map[string]string
		want    string // in the report; "" for a file that passes
	}{
		{name: "passes", text: `test "a" { } test "b" { stop; } test "never run" { test_fail "x"; }`},
		{name: "test_fail", text: `test "a" { test_fail "because"; } test "b" { }`, want: "1: Test 'a' FAILED: because"},
		{name: "test_fail ends its test only", text: `test "a" { if true { test_fail "x"; } test_fail "y"; } test "b" { }`, want: "2: Test 'b' SUCCEEDED"},
		{name: "test_fail outside", text: `test_fail "why";`, want: "aborted due to error"},
		{name: "does not compile", text: `nonsense;`, want: "failed to compile testcase script"},
		{name: "nested test", text: `test "a" { test "b" { } }`, want: "tests cannot be nested"},
		{name: "runtime error", text: `test "a" { fileinto "x"; redirect "bad"; } `, want: "CASE FAILED"},
		{name: "unknown object", text: `test_set "letter" "x";`, want: "unknown testsuite object 'letter'"},
		{name: "unknown member", text: `test_set "envelope.size" "x";`, want: "member 'size' does not exist"},
		{name: "no source", text: `test "a" { test_message 0; }`, want: "requires either the :smtp or the :folder tag"},
		{name: "two sources", text: `test "a" { test_message :smtp :folder "x" 0; }`, want: "duplicate"},
		{name: "no such message", text: `test "a" { test_message :smtp 0; }`, want: "no outgoing SMTP message with index 0"},
		{name: "no such stored message", text: `test "a" { test_message :folder "INBOX" 3; }`, want: "no message in folder 'INBOX' with index 3"},
		{name: "unknown extension to reload", text: `test_config_reload :extension "none";`, want: "unknown extension 'none'"},
		{name: "run before compile", text: `test "a" { if test_script_run { } }`, want: "no script compiled yet"},
		{name: "load before save", text: `test_binary_load "x";`, want: "failed to load binary"},
		{name: "save before compile", text: `test_binary_save "x";`, want: "no compiled script"},
		{
			name: "script fails to compile", text: `test "a" { if not test_script_compile "s.sieve" { test_fail "no"; } }`,
			scripts: map[string]string{"s.sieve": `require "vnd.example.unbuilt"; keep;`}, want: "FAILED: no",
		},
		{name: "missing script", text: `test "a" { if test_script_compile "none" { test_fail "compiled"; } if not test_error :contains "no such file" { test_fail "wrong error"; } }`},
		{
			name: "a script that tests too fails its test", text: `test "a" { if test_script_compile "s" { } if test_script_run { } }`,
			scripts: map[string]string{"s": `require "vnd.dovecot.testsuite"; test_fail "inside";`}, want: "1: Test 'a' FAILED: inside",
		},
		{name: "the result is forgotten by a new run", text: `
			test "a" {
				fileinto "x";
				if not allof (test_script_compile "s", test_script_run) { test_fail "ran not"; }
				if not test_result_action :index 1 "discard" { test_fail "first action"; }
				if test_result_action :index 2 :matches "*" { test_fail "second action"; }
			}`, scripts: map[string]string{"s": "discard;"}},
		{name: "or kept with :append_result, and done once", text: `
			test "a" {
				redirect "a@example.org";
				if not test_result_execute { test_fail "first"; }
				if not allof (test_script_compile "s", test_script_run :append_result) { test_fail "ran not"; }
				if not test_result_execute { test_fail "second"; }
				if test_message :smtp 2 { test_fail "sent twice"; }
				if not test_message :smtp 1 { test_fail "not sent"; }
				if test_message :folder "INBOX" 0 { test_fail "kept"; }
			}`, scripts: map[string]string{"s": `redirect "b@example.org"; redirect "a@example.org";`}},
		{name: "test_result_reset forgets what was sent", text: `
			test "a" {
				redirect "a@example.org";
				if not test_result_execute { test_fail "failed"; }
				test_result_reset;
				if test_message :smtp 0 { test_fail "still there"; }
			}`},
		{name: "settings wait for the reload", text: `
			test_config_set "sieve_variables_max_variable_size" "4000";
			test "a" {
				test_config_unset "sieve_variables_max_variable_size";
				test_config_reload;
			}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), write(t, tt.text, tt.scripts), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := text(t, r)
			if !strings.Contains(got, tt.want) || r.Passed() != (tt.want == "") {
				t.Errorf("want %q in\n%s", tt.want, got)
			}
		})
	}
}

func TestExpectFailure(t *testing.T) {
	for text, want := range map[string]bool{
		`test "a" { test_fail "x"; }`:              true,
		`test "a" { test_fail "x"; } test "b" { }`: false,
		`nonsense;`:    true,
		`test "a" { }`: false,
		`test "a" { test_fail ""; } test_fail "out";`: true,
	} {
		r, err := Run(t.Context(), write(t, text, nil), Options{ExpectFailure: true})
		if err != nil || r.Passed() != want {
			t.Errorf("%s: passed %v, error %v", text, r.Passed(), err)
		}
	}
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	file := write(t, `test "a" { fileinto "box"; test_result_print; test_message_print; }`, nil)
	if r, err := Run(t.Context(), file, Options{Print: &out}); err != nil || !r.Passed() {
		t.Fatal(err)
	}
	for _, want := range []string{"store", "box", "implicit keep: false", "Subject: Frop!", "Friep!"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
}

func TestRunFiles(t *testing.T) {
	good := write(t, `test "a" { }`, nil)
	bad := write(t, `test "a" { test_fail "x"; }`, nil)
	broken := write(t, `require "vnd.example.unbuilt";`, nil)
	var out strings.Builder
	passed, failed, err := RunFiles(t.Context(), &out, []string{good, bad, broken, "/nonexistent"}, Options{})
	if passed != 1 || failed != 3 || err != nil {
		t.Errorf("%d passed, %d failed, %v", passed, failed, err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; last != "1 passed, 3 failed" {
		t.Errorf("last line %q", last)
	}
	for _, want := range []string{"PASS " + good, "FAIL " + bad, "FAIL " + broken, "FAIL /nonexistent"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if _, _, err := RunFiles(t.Context(), failingWriter{}, []string{good}, Options{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("failing writer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := RunFiles(ctx, &out, []string{good}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
