package ext

import (
	"io"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

// compileForTest compiles a script with everything enabled.
func compileForTest(t testing.TB, src string, settings engine.Settings) *engine.Program {
	t.Helper()
	e, err := engine.New(engine.Options{Extensions: strings.Join(engine.Known(), " "), Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	p, diags := e.Compile("test", []byte(src), true)
	if p == nil {
		t.Fatal(diags)
	}
	return p
}

// FuzzEditheader adds and deletes a field with any name and value: whatever
// they are, the other fields and the body must stay as they are to the byte,
// and exactly one field may come or go.
func FuzzEditheader(f *testing.F) {
	p := compileForTest(f, `
		require ["editheader", "environment", "variables"];
		if environment :matches "phase" "*" { set "name" "${1}"; }
		if environment :matches "location" "*" { set "value" "${1}"; }
		if environment "version" "last" { addheader :last "${name}" "${value}"; } else { addheader "${name}" "${value}"; }
		if environment "host" "delete" { deleteheader :index 1 "${name}"; }`, nil)
	f.Add("X-A", "value", "X-A: 1\nSubject: x\n\nbody\n", false, true)
	f.Add("X-Injected", "a\r\nB: c\n\nnew body", "Subject: x\n\nbody", true, false)
	f.Add("Subject", strings.Repeat("ü ", 200), "no header\n\n", true, true)
	f.Add("X", "=?utf-8?q?x?=\x00", "", false, false)
	f.Fuzz(func(t *testing.T, name, value, raw string, last, remove bool) {
		items := map[string]string{"phase": name, "location": value, "version": "first", "host": ""}
		if last {
			items["version"] = "last"
		}
		if remove {
			items["host"] = "delete"
		}
		// Reading the result again, as is done below, would take a CR before an LF away.
		m := message.Parse([]byte(strings.ReplaceAll(raw, "\r", "")))
		res := p.Run(t.Context(), m, &engine.Env{Items: items})
		if res.Err != nil {
			return
		}
		before, after := rawFields(m), rawFields(message.Parse([]byte(readForTest(t, res.Message))))
		if body := readBodyForTest(t, res.Message); body != readBodyForTest(t, m) {
			t.Fatalf("the body became %q", body)
		}
		switch d := len(after) - len(before); {
		case d < -1 || d > 1:
			t.Fatalf("%d fields became %d:\n%q", len(before), len(after), after)
		case d == 1 && !last && !slices.Equal(after[1:], before), d == 1 && last && !slices.Equal(after[:len(before)], before):
			t.Fatalf("other fields changed:\n%q\n%q", before, after)
		}
	})
}

func rawFields(m *message.Message) []string {
	var raw []string
	for _, f := range m.Fields() {
		raw = append(raw, f.Raw())
	}
	return raw
}

func readForTest(t *testing.T, m *message.Message) string {
	t.Helper()
	b, err := io.ReadAll(m.Open())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func readBodyForTest(t *testing.T, m *message.Message) string {
	t.Helper()
	b, err := io.ReadAll(m.OpenBody())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Bad settings are told, each of them, and leave the defaults.
func TestEditheaderSettings(t *testing.T) {
	limits, err := readEditheader(engine.Settings{
		"sieve_editheader_max_header_size": "12",
		"sieve_editheader_protected":       "good bad: worse",
		"sieve_editheader_forbid_add":      "Subject",
	})
	for _, want := range []string{"sieve_editheader_max_header_size", `"bad:"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in error %v", want, err)
		}
	}
	if limits.maxSize != 2048 || !limits.addNot["good"] || !limits.deleteNot["worse"] || limits.addNot["subject"] {
		t.Errorf("limits %+v", limits)
	}
}
