package rspamd_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
	"dovetail/internal/userdb/expand"
	"dovetail/learn"
	"dovetail/learn/learntest"
	"dovetail/learn/rspamd"
)

func backend(t *testing.T, o rspamd.Options) *rspamd.Backend {
	t.Helper()
	b, err := rspamd.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// one teaches one message.
func one(t *testing.T, b learn.Backend, user string, item learn.Item) learn.Result {
	t.Helper()
	return b.Learn(t.Context(), user, []learn.Item{item})[0]
}

func TestRspamd(t *testing.T) {
	r := peer.StartRspamd(t, peer.RspamdOptions{PerUser: true})
	b := backend(t, rspamd.Options{URL: "unix:" + r.Socket, DeliverTo: expand.MustParse("%u")})
	learntest.Run(t, learntest.Subject{Backend: b, Counts: r.Counts, Verdict: r.Verdict, Stop: r.Stop, Start: r.Start, Doubles: true})
}

// Each setting does what it says, and its being wrong is an error, not a lost lesson.
func TestSettings(t *testing.T) {
	r := peer.StartRspamd(t, peer.RspamdOptions{PerUser: true, Conditions: true})
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(peer.Password+"\n# comment\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tcp := "http://" + r.Addr
	c := corpus.New(5)
	n := 0
	for _, tt := range []struct {
		name    string
		o       rspamd.Options
		user    string // who learns it, with a domain in small letters as rspamd has it; empty: nobody does
		wantErr string
	}{
		{"password file", rspamd.Options{URL: tcp, PasswordFile: password, DeliverTo: expand.MustParse("%Ln@%d")}, "user1@example.org", ""},
		{"no Deliver-To: the first To", rspamd.Options{URL: tcp, Password: peer.Password}, "user@example.org", ""},
		{"classifier", rspamd.Options{URL: tcp, Password: peer.Password, Classifier: "bayes", DeliverTo: expand.MustParse("site")}, "site", ""},
		{"unknown classifier", rspamd.Options{URL: tcp, Password: peer.Password, Classifier: "none"}, "", "cannot find classifier"},
		{"no password", rspamd.Options{URL: tcp}, "", "401"},
		{"wrong password", rspamd.Options{URL: tcp, Password: "wrong"}, "", "password is wrong"},
		{"missing password file", rspamd.Options{URL: tcp, PasswordFile: password + "x"}, "", "reading rspamd's password"},
		{"wrong path", rspamd.Options{URL: tcp + "/controller", Password: peer.Password}, "", "404"},
		{"refused connection", rspamd.Options{URL: "http://127.0.0.1:9"}, "", "connection refused"},
		{"missing socket", rspamd.Options{URL: "unix:" + r.Socket + "x"}, "", "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n++
			before, _ := r.Counts(tt.user)
			res := one(t, backend(t, tt.o), "USER1@Example.org", learntest.Item(t, c.Spam(n), learn.Spam, learn.None))
			switch {
			case tt.wantErr != "":
				if res.Err == nil || !strings.Contains(res.Err.Error(), tt.wantErr) {
					t.Errorf("got %+v, want an error with %q", res, tt.wantErr)
				}
			case res.Outcome != learn.Learned:
				t.Errorf("got %+v", res)
			default:
				if after, _ := r.Counts(tt.user); after != before+1 {
					t.Errorf("%s has learned %d, then %d", tt.user, before, after)
				}
			}
		})
	}
}

// What rspamd's conditions refuse is refused with the reason, but for bulk training.
func TestConditions(t *testing.T) {
	r := peer.StartRspamd(t, peer.RspamdOptions{Conditions: true})
	o := rspamd.Options{URL: "unix:" + r.Socket, Bulk: true}
	bulk := backend(t, o)
	for _, res := range bulk.Learn(t.Context(), "user1", learntest.Lessons(t, 20)) {
		if res.Outcome != learn.Learned {
			t.Fatalf("got %+v", res)
		}
	}
	o.Bulk = false
	item := learntest.Item(t, corpus.New(1).Spam(30), learn.Spam, learn.None)
	res := one(t, backend(t, o), "user1", item)
	if res.Outcome != learn.Refused || !strings.Contains(res.Reason, "conditions denied") {
		t.Errorf("sure already: %+v", res)
	}
	if res := one(t, bulk, "user1", item); res.Outcome != learn.Learned {
		t.Errorf("in bulk: %+v", res)
	}
	item = learntest.Item(t, []byte("Subject: hi\n\nok\n"), learn.Ham, learn.None)
	if res := one(t, bulk, "user1", item); res.Outcome != learn.Refused || !strings.Contains(res.Reason, "less tokens") {
		t.Errorf("too short: %+v", res)
	}
}

// Without redis rspamd says that it has learned everything already. It has not.
func TestRedisDown(t *testing.T) {
	r := peer.StartRspamd(t, peer.RspamdOptions{PerUser: true})
	b := backend(t, rspamd.Options{URL: "unix:" + r.Socket, DeliverTo: expand.MustParse("%u")})
	items := learntest.Lessons(t, 2)
	r.StopRedis()
	for i, res := range b.Learn(t.Context(), "user1", items) {
		if res.Err == nil {
			t.Errorf("item %d without redis: %+v", i, res)
		}
	}
	r.StartRedis()
	for i, res := range b.Learn(t.Context(), "user1", items) {
		if res.Outcome != learn.Learned {
			t.Errorf("item %d with redis: %+v", i, res)
		}
	}
	if spam, ham := r.Counts("user1"); spam != 2 || ham != 2 {
		t.Errorf("learned %d spam and %d ham", spam, ham)
	}
}

// Answers that a real rspamd of this version does not give at will.
func TestAnswers(t *testing.T) {
	already := `{"error":"<1@example.net> has been already learned as spam, ignore it"}`
	for _, tt := range []struct {
		name   string
		status int
		body   string
		stat   string // answer to /stat
		want   learn.Outcome
		wantIn string // in the reason or the error
		asked  int    // times, for two items; 0: 2
	}{
		{name: "success", status: 200, body: `{"success":true}`, want: learn.Learned},
		{name: "no success", status: 200, body: `{"success":false}`},
		{name: "something else", status: 200, body: `<html>It works!</html>`},
		{name: "208", status: 208, body: already, want: learn.Already, wantIn: "already learned as spam"},
		{name: "another 208", status: 208, body: `{}`},
		{name: "404 of a database", status: 404, body: already, stat: `{"statfiles":[{"type":"sqlite3"}]}`, want: learn.Already},
		{name: "404 of redis", status: 404, body: already, stat: `{"statfiles":[{"type":"redis"}]}`, wantIn: "redis"},
		{name: "404, and no stat", status: 404, body: already, stat: `{}`, wantIn: "does not tell"},
		{name: "404", status: 404, body: "Not found", wantIn: "URL is wrong", asked: 1},
		{name: "204", status: 204, want: learn.Refused},
		{name: "empty", status: 400, body: `{"error":"Empty body is not permitted"}`, want: learn.Refused, wantIn: "Empty"},
		{name: "400", status: 400, body: `{"error":"Class header is required"}`, wantIn: "Class header"},
		{name: "403", status: 403, wantIn: "password", asked: 1},
		{name: "413", status: 413, want: learn.Refused},
		{name: "429", status: 429, body: `{"error":"Too many authentication failures"}`, wantIn: "Too many", asked: 1},
		{name: "500", status: 500, body: `{"error":"redis"}`, wantIn: "500 redis"},
		{name: "502", status: 502},
		{name: "301", status: 301},
		{name: "huge", status: 200, body: `{"success":true}` + strings.Repeat(" ", 1<<20), wantIn: "more than", asked: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.URL.Path == "/stat" {
					_, _ = io.WriteString(w, tt.stat)
					return
				}
				asked++
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer s.Close()
			items := learntest.Lessons(t, 1)
			for i, res := range backend(t, rspamd.Options{URL: s.URL}).Learn(t.Context(), "", items) {
				if res.Outcome != tt.want || (res.Err == nil) != (tt.want != "") {
					t.Errorf("item %d: %+v, want %q", i, res, tt.want)
				}
				if said := fmt.Sprint(res.Reason, res.Err); !strings.Contains(said, tt.wantIn) {
					t.Errorf("item %d: %+v, want something with %q", i, res, tt.wantIn)
				}
			}
			if want := cmp.Or(tt.asked, 2); asked != want {
				t.Errorf("asked %d times, want %d", asked, want)
			}
		})
	}
}

func TestHostile(t *testing.T) {
	learntest.Hostile(t, func(_, address string) learn.Backend {
		return backend(t, rspamd.Options{URL: "unix:" + address})
	})
}

func TestTooBig(t *testing.T) {
	b := backend(t, rspamd.Options{URL: "http://127.0.0.1:9", MaxSize: 100})
	res := one(t, b, "", learntest.Item(t, corpus.New(1).Spam(0), learn.Spam, learn.None))
	if res.Outcome != learn.Refused || !strings.Contains(res.Reason, "more than 100") {
		t.Errorf("got %+v", res)
	}
}

func TestBadURL(t *testing.T) {
	for _, bad := range []string{"localhost", "localhost:11334", "ftp://x", "http://", "unix:run/x", "http://a:b@c", "http://x/?password=y", "http://x:y:z"} {
		if _, err := rspamd.New(rspamd.Options{URL: bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// A server whose certificate nobody knows gets no message.
func TestCertificate(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	res := one(t, backend(t, rspamd.Options{URL: s.URL}), "", learntest.Item(t, corpus.New(1).Spam(0), learn.Spam, learn.None))
	if res.Err == nil || !strings.Contains(res.Err.Error(), "certificate") {
		t.Errorf("got %+v", res)
	}
}

// A message whose file somebody cuts meanwhile is not waited for, and keeps no other from
// being learned.
func TestCutMessage(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			_, _ = io.WriteString(w, `{"success":true}`)
		}
	}))
	defer s.Close()
	path := filepath.Join(t.TempDir(), "message")
	raw := append(corpus.New(1).Spam(0), bytes.Repeat([]byte("more\n"), 100_000)...)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := message.Read(f, int64(len(raw)), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 10_000); err != nil {
		t.Fatal(err)
	}
	items := learntest.Lessons(t, 1)
	items[0].Message = m
	results := backend(t, rspamd.Options{URL: s.URL, Timeout: time.Minute}).Learn(t.Context(), "", items)
	if err := results[0].Err; err == nil || !strings.Contains(err.Error(), "reading the message") || results[1].Outcome != learn.Learned {
		t.Errorf("got %+v", results)
	}
}

// Rspamd answers to what is too big for it before it has read all, and closes: what it said
// counts, not that the rest could not be sent.
func TestEarlyAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	defer s.Close()
	raw := []byte("Subject: large\n\n" + strings.Repeat("0123456789abcde\n", 2<<20))
	res := one(t, backend(t, rspamd.Options{URL: s.URL}), "", learntest.Item(t, raw, learn.Spam, learn.None))
	if res.Outcome != learn.Refused {
		t.Errorf("got %+v", res)
	}
}
