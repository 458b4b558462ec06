package explain

import (
	"encoding/json"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve"
)

const script = `require ["fileinto", "imap4flags", "editheader", "copy", "ereject", "vnd.dovecot.pipe"];
if header :contains "Subject" "hello" {
  addheader "X-Mark" "yes";
  deleteheader "X-Old";
  fileinto :flags "\\Seen" "Work/Ü";
  redirect :copy "a@example.net";
  pipe :copy "learn" ["x"];
  keep;
}
`

func run(t *testing.T, text string, trace func(sieve.Event)) (*message.Message, *sieve.Result) {
	t.Helper()
	e, err := sieve.New(sieve.Options{Extensions: "+editheader +vnd.dovecot.pipe +vnd.dovecot.report"})
	if err != nil {
		t.Fatal(err)
	}
	p, diags := e.Compile("test", []byte(text), false)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	m := message.Parse([]byte("Message-ID: <1@b.example>\nSubject: hello\nX-Old: 1\n\nx"))
	env := &message.Envelope{From: "a@b.example", To: "c@d.example"}
	return m, p.Run(t.Context(), m, &sieve.Env{Envelope: env, Trace: trace})
}

func TestReport(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"all", script, `{"actions":[{"action":"addheader","name":"X-Mark","value":"yes"},{"action":"deleteheader","name":"X-Old","value":"1"},` +
			`{"action":"fileinto","mailbox":"Work/Ü","flags":["\\Seen"],"copy":false},{"action":"redirect","address":"a@example.net","copy":true},` +
			`{"action":"pipe","program":"learn","args":["x"],"copy":true},{"action":"keep","mailbox":"INBOX","flags":[],"copy":false}],"implicit_keep":false,"error":""}`},
		{"nothing", ``, `{"actions":[],"implicit_keep":true,"error":""}`},
		{"ereject", `require "ereject"; ereject "no";`, `{"actions":[{"action":"ereject","reason":"no"}],"implicit_keep":false,"error":""}`},
		{"notify and report", `require ["enotify", "vnd.dovecot.report"]; notify :importance "1" :message "hi" "mailto:a@example.org?cc=b@example.org"; report "abuse" "spam" "c@example.org";`,
			`{"actions":[{"action":"notify","recipients":["a@example.org","b@example.org"],"subject":"hi","importance":1},` +
				`{"action":"report","recipients":["c@example.org"],"subject":"Report: hello","importance":2}],"implicit_keep":true,"error":""}`},
		{"vacation, and nothing of what is only remembered", `require ["vacation", "duplicate"]; if not duplicate { vacation :days 3 "away"; }`,
			`{"actions":[{"action":"vacation","reason":"away"}],"implicit_keep":true,"error":""}`},
		{"discard", `discard;`, `{"actions":[{"action":"discard"}],"implicit_keep":false,"error":""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, res := run(t, tt.script, nil)
			got, err := json.Marshal(NewReport(m, res))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestReportOfAFailedRun(t *testing.T) {
	m, res := run(t, "redirect \"a@b.example\"; redirect \"b@b.example\"; redirect \"c@b.example\";\nredirect \"d@b.example\"; redirect \"e@b.example\";", nil)
	rep := NewReport(m, res)
	if !rep.ImplicitKeep || len(rep.Actions) != 0 || !strings.HasPrefix(rep.Error, "test:2:") {
		t.Errorf("got %+v", rep)
	}
}

func TestForPeople(t *testing.T) {
	var trace strings.Builder
	tr := NewTracer(&trace)
	m, res := run(t, script, tr.Trace)
	if tr.Err() != nil {
		t.Error(tr.Err())
	}
	for _, want := range []string{
		`test:2:4:     header :contains i;ascii-casemap: "hello" matches "hello"`,
		"test:2:4:   header is true", "test:5:3: fileinto\n",
		`test:5:3:   => fileinto "Work/Ü" with flags \Seen`, "test:3:3:   => addheader X-Mark: yes",
	} {
		if !strings.Contains(trace.String(), want) {
			t.Errorf("no %q in\n%s", want, trace.String())
		}
	}
	var out strings.Builder
	if err := WriteReport(&out, NewReport(m, res), res); err != nil {
		t.Fatal(err)
	}
	want := "addheader X-Mark: yes\ndeleteheader X-Old: 1\nfileinto \"Work/Ü\" with flags \\Seen\nredirect to a@example.net\npipe to \"learn\" x\nkeep\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
