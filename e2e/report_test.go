package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/internal/program"
	"dovetail/sieve"
	"dovetail/sieve/action"
)

// The site's scripts for what users move in and out of Spam run as they are,
// with the items that imapsieve gives: the learning program is called once with
// the user's name, and not at all for what goes to Trash.
func TestReportScripts(t *testing.T) {
	engine, err := sieve.New(sieve.Options{Extensions: "+vnd.dovecot.pipe +vnd.dovecot.environment"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ script, mailbox, program string }{
		{"report-spam", "Spam", "sa-learn-spam.sh"},
		{"report-ham", "INBOX", "sa-learn-ham.sh"},
		{"report-ham", "Trash", ""},
	} {
		t.Run(c.script+" "+c.mailbox, func(t *testing.T) {
			s := newSite(t, []peer.User{bert})
			prog, diags := engine.Compile(c.script, []byte(testdata(t, "site/"+c.script+".sieve")), true)
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			m := message.Parse([]byte(testdata(t, "demo/02-spam.eml")))
			res := prog.Run(t.Context(), m, &sieve.Env{User: "bert", Home: s.home("bert"),
				Items: map[string]string{"imap.user": "bert", "imap.mailbox": c.mailbox, "imap.cause": "COPY"}})
			if res.Err != nil || res.Keep == nil {
				t.Errorf("error %v, keep %v", res.Err, res.Keep)
			}
			runner := program.Runner{Dir: filepath.Join(s.dir, "bin"), Timeout: patience}
			for _, a := range res.Actions {
				if status, err := pipe(t.Context(), runner, a); status != 0 || err != nil {
					t.Errorf("%#v: exit status %d, %v", a, status, err)
				}
			}
			var ran []string
			for _, name := range []string{"sa-learn-spam.sh", "sa-learn-ham.sh"} {
				for _, run := range s.runs(name) {
					ran = append(ran, name)
					if !strings.Contains(run, "args=bert\n") || !strings.Contains(run, "Subject: You have won\r\n") {
						t.Errorf("%s got\n%s", name, run)
					}
				}
			}
			if want := strings.Fields(c.program); !slices.Equal(ran, want) {
				t.Errorf("ran %v, want %v", ran, want)
			}
		})
	}
}

// pipe carries out a pipe action as bert.
func pipe(ctx context.Context, r program.Runner, a action.Action) (int, error) {
	p, ok := a.(*action.Pipe)
	if !ok || !p.Copy {
		return 0, fmt.Errorf("not pipe :copy: %#v", a)
	}
	res, err := r.Run(ctx, program.Job{Name: p.Program, Args: p.Args, Input: p.Message.Open(),
		Cred: &program.Cred{UID: uint32(bert.UID), GID: uint32(bert.GID)}})
	return res.Status, err
}
