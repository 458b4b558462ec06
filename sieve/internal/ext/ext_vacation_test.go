package ext

import (
	"io"
	"strings"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// respond runs a script and gives its answer.
func respond(t *testing.T, script string, settings engine.Settings, from string) *action.Respond {
	t.Helper()
	p := compileForTest(t, script, settings)
	msg := message.Parse([]byte("From: <" + from + ">\nTo: u@example.org\nSubject: hello\nMessage-ID: <1@x>\n\ntext\n"))
	env := &engine.Env{User: "u", Envelope: &message.Envelope{From: from, To: "u@example.org"}}
	res := p.Run(t.Context(), msg, env)
	if res.Err != nil || len(res.Actions) != 1 || res.Keep == nil {
		t.Fatalf("%+v", res)
	}
	return res.Actions[0].(*action.Respond)
}

// RFC 5230 section 4.2: the same handle, or else the same arguments, make the
// same answer; the sender's address has no case.
func TestVacationKey(t *testing.T) {
	const a, b = "a@example.net", "b@example.net"
	req := `require ["vacation", "variables", "vacation-seconds"]; `
	for _, tt := range []struct {
		name         string
		first, other string
		from         string
		same         bool
	}{
		{name: "same", first: `vacation "x";`, other: `vacation "x";`, from: a, same: true},
		{name: "other sender", first: `vacation "x";`, other: `vacation "x";`, from: b},
		{name: "case of the sender", first: `vacation "x";`, other: `vacation "x";`, from: "A@Example.NET", same: true},
		{name: "reason", first: `vacation "x";`, other: `vacation "y";`, from: a},
		{name: "subject", first: `vacation "x";`, other: `vacation :subject "" "x";`, from: a},
		{name: "from", first: `vacation :subject "u@x.example" "x";`, other: `vacation :from "u@x.example" "x";`, from: a},
		{name: "mime", first: `vacation "x";`, other: `vacation :mime "x";`, from: a},
		{name: "days and addresses are no part of it", first: `vacation :days 2 "x";`, other: `vacation :days 3 :addresses "v@x.example" "x";`, from: a, same: true},
		{name: "handle", first: `vacation :handle "h" "x";`, other: `vacation :handle "h" :subject "s" "y";`, from: a, same: true},
		{name: "other handle", first: `vacation :handle "h" "x";`, other: `vacation :handle "i" "x";`, from: a},
		{name: "variables as they are written", first: `set "v" "1"; vacation :subject "${v}" "x";`, other: `set "v" "2"; vacation :subject "${v}" "x";`, from: a, same: true},
		{name: "variables in a handle", first: `set "v" "1"; vacation :handle "${v}" "x";`, other: `set "v" "2"; vacation :handle "${v}" "x";`, from: a},
	} {
		first, other := respond(t, req+tt.first, nil, a), respond(t, req+tt.other, nil, tt.from)
		if (first.Once == other.Once) != tt.same {
			t.Errorf("%s: same answer: %v", tt.name, first.Once == other.Once)
		}
	}
}

func TestVacationPeriod(t *testing.T) {
	const day = 24 * time.Hour
	req := `require ["vacation", "vacation-seconds"]; `
	for _, tt := range []struct {
		script   string
		settings engine.Settings
		want     time.Duration
	}{
		{script: `vacation "x";`, want: 7 * day},
		{script: `vacation :days 3 "x";`, want: 3 * day},
		{script: `vacation :days 0 "x";`, want: day},
		{script: `vacation :days 10000000000 "x";`, settings: engine.Settings{"sieve_vacation_max_period": "0"}, want: 36500 * day},
		{script: `vacation :seconds 90 "x";`, want: day},
		{script: `vacation :seconds 90 "x";`, settings: engine.Settings{"sieve_vacation_min_period": "60s"}, want: 90 * time.Second},
		{script: `vacation :seconds 0 "x";`, settings: engine.Settings{"sieve_vacation_min_period": "0"}, want: 0},
		{script: `vacation "x";`, settings: engine.Settings{"sieve_vacation_default_period": "90d"}, want: 60 * day},
	} {
		if got := respond(t, req+tt.script, tt.settings, "a@example.net").Period; got != tt.want {
			t.Errorf("%s with %v: %v, want %v", tt.script, tt.settings, got, tt.want)
		}
	}
}

// Bad settings are told, each of them, and leave the defaults.
func TestVacationSettings(t *testing.T) {
	_, err := engine.New(engine.Options{Settings: engine.Settings{
		"sieve_vacation_min_period": "9d", "sieve_vacation_max_period": "2d", "sieve_vacation_default_period": "soon",
		"sieve_vacation_max_subject_codepoints": "0", "sieve_duplicate_max_period": "x",
	}})
	for _, want := range []string{
		"sieve_vacation_max_period is less than sieve_vacation_min_period", "sieve_vacation_default_period", "sieve_vacation_max_subject_codepoints",
		"sieve_duplicate_max_period",
	} {
		if err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("not once %q in error %v", want, err)
		}
	}
}

// The thread of an answer does not grow without end, and no field breaks.
func TestVacationReferences(t *testing.T) {
	p := compileForTest(t, `require "vacation"; vacation "x";`, nil)
	old := strings.Repeat("<0123456789abcdef@example.net>\n ", 5000)
	msg := message.Parse([]byte("To: u@example.org\nMessage-ID: <1@x>\nReferences: " + old + "<last@x>\n\ntext\n"))
	env := &engine.Env{Envelope: &message.Envelope{From: "a@example.net", To: "u@example.org"}}
	a := p.Run(t.Context(), msg, env).Actions[0].(*action.Respond)
	refs, _ := a.Message.Get("References")
	if len(refs) > 8192 || !strings.HasSuffix(refs, " <last@x> <1@x>") {
		t.Errorf("%d bytes, end %q", len(refs), refs[max(0, len(refs)-40):])
	}
	text, err := io.ReadAll(a.Message.Open())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

func TestVacationNeedsEnvelope(t *testing.T) {
	p := compileForTest(t, `require "vacation"; vacation "x";`, nil)
	if res := p.Run(t.Context(), message.Parse([]byte("\n")), &engine.Env{}); res.Err == nil || len(res.Actions) != 0 || res.Keep == nil {
		t.Errorf("%+v", res)
	}
}
