package maildir

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mailerr"
)

func TestParseQuota(t *testing.T) {
	tests := []struct {
		rules   string // separated by spaces
		grace   string
		want    Quota
		wantErr string
	}{
		{rules: "*:bytes=3k", want: Quota{limit: amount{3 << 10, 0}, force: true, grace: 307}},
		{rules: "*:storage=1G:messages=100", grace: "0", want: Quota{limit: amount{1 << 30, 100}, force: true}},
		{rules: "*:storage=5", grace: "1M", want: Quota{limit: amount{5 << 10, 0}, force: true, grace: 1 << 20}},
		{rules: "?:bytes=7B", grace: "0", want: Quota{limit: amount{7, 0}}},
		{
			rules: "*:storage=1M Trash:+10% Junk:ignore Sent:storage=+2M:messages=-5 x:bytes=+1T", grace: "0",
			want: Quota{limit: amount{1 << 20, 0}, force: true, rules: []quotaRule{
				{mask: "Trash", percent: amount{10, 0}}, {mask: "Junk", ignore: true},
				{mask: "Sent", extra: amount{2 << 20, -5}}, {mask: "x", extra: amount{1 << 40, 0}},
			}},
		},
		{rules: "*", wantErr: "MAILBOX:LIMITS"},
		{rules: ":storage=1", wantErr: "MAILBOX:LIMITS"},
		{rules: "*:storage", wantErr: "KEY=VALUE"},
		{rules: "*:+10%", wantErr: "KEY=VALUE"},
		{rules: "*:size=1", wantErr: `unknown limit "size"`},
		{rules: "*:storage=", wantErr: "not a number"},
		{rules: "*:storage=1X", wantErr: "unknown unit"},
		{rules: "*:storage=-1", wantErr: "plain number"},
		{rules: "*:storage=+1", wantErr: "plain number"},
		{rules: "*:storage=10%", wantErr: "plain number"},
		{rules: "*:storage=99999999999T", wantErr: "in range"},
		{rules: "*:ignore", wantErr: "cannot be ignored"},
		{rules: "*:storage=1", grace: "much", wantErr: "grace"},
		{rules: "*:storage=1", grace: "-1", wantErr: "grace"},
	}
	for _, tt := range tests {
		q, err := ParseQuota(strings.Fields(tt.rules), tt.grace)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%s: error %v, want %q", tt.rules, err, tt.wantErr)
			}
			continue
		}
		if err != nil || fmt.Sprintf("%+v", *q) != fmt.Sprintf("%+v", tt.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", tt.rules, q, err, tt.want)
		}
	}
	if q, err := ParseQuota(nil, ""); q != nil || err != nil {
		t.Errorf("no rules: %v, %v", q, err)
	}
}

func TestQuotaExceeded(t *testing.T) {
	q, err := ParseQuota([]string{"*:bytes=1000:messages=10", "Trash:bytes=+10%:messages=+1", "T*:bytes=-500", "Junk:ignore"}, "100B")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		mailbox string
		used    amount
		size    int64
		want    bool
	}{
		{"INBOX", amount{0, 0}, 1100, false},
		{"INBOX", amount{0, 0}, 1101, true},
		{"INBOX", amount{1000, 1}, 100, false},
		{"INBOX", amount{1000, 1}, 101, true},
		{"INBOX", amount{1100, 1}, 0, false},
		{"INBOX", amount{1101, 1}, 0, true},
		{"INBOX", amount{0, 9}, 1, false},
		{"INBOX", amount{0, 10}, 1, true},
		{"Trash", amount{1000, 10}, 200, false},
		{"Trash", amount{1000, 10}, 201, true},
		{"Trash", amount{1000, 11}, 1, true},
		{"To do", amount{500, 1}, 100, false},
		{"To do", amount{500, 1}, 101, true},
	}
	for _, tt := range tests {
		if got := q.exceeded(q.limit, tt.used, q.rule(tt.mailbox), tt.size); got != tt.want {
			t.Errorf("%s, used %+v, %d more: exceeded %v", tt.mailbox, tt.used, tt.size, got)
		}
	}
	// "Unlimited" is a large number in some user databases.
	for _, rule := range []string{"*:bytes=9223372036854775807:messages=9223372036854775807", "*:storage=8388607T"} {
		q, err := ParseQuota([]string{rule, "Trash:storage=+50%:messages=+50%"}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, mailbox := range []string{"INBOX", "Trash"} {
			if q.exceeded(q.limit, amount{1 << 40, 1000}, q.rule(mailbox), 1000) {
				t.Errorf("%s: %s is full", rule, mailbox)
			}
		}
	}
	if !q.rule("Junk").ignore || q.rule("Junk/x").ignore {
		t.Error("Junk:ignore is for Junk alone")
	}
}

// What is done with a maildirsize file that is found.
func TestMaildirsize(t *testing.T) {
	const right = "1000S\n11 1\n" // one message of put
	tests := []struct {
		name, file string
		age        time.Duration
		recounted  bool
	}{
		{"missing", "", 0, true},
		{"right", right, 0, false},
		{"several lines", "1000S\n20 2\n-9 -1\n", 0, false},
		{"last line not ended", "1000S\n20 2\n-9", 0, false},
		{"other limits", "2000S\n11 1\n", 0, true},
		{"limits in another order", "0C,1000S\n11 1\n", 0, false},
		{"no sum", "1000S\n", 0, true},
		{"nonsense", "1000S\nabc\n", 0, true},
		{"NUL", "1000S\n11 1\n\x00\n", 0, true},
		{"negative", "1000S\n-11 1\n", 0, true},
		{"long", "1000S\n" + strings.Repeat("0 0\n", 2000) + "11 1\n", 0, true},
		{"exceeded, one line", "1000S\n2000 1\n", time.Minute, false},
		{"exceeded, two lines", "1000S\n1000 1\n1000 1\n", 0, true},
		{"exceeded and old", "1000S\n2000 1\n", 16 * time.Minute, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := ParseQuota([]string{"*:bytes=1000", "Junk:ignore"}, "0")
			if err != nil {
				t.Fatal(err)
			}
			s, home := inHome(t, func(o *Options) { o.Quota = q })
			put(t, s, "INBOX")
			put(t, s, "Junk")
			file := home + "/Maildir/maildirsize"
			if got := mustRead(t, file); got != "1000S\n0 0\n11 1\n" {
				t.Fatalf("after a delivery: %q", got)
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if tt.file != "" {
				mustWrite(t, file, tt.file)
				when := time.Now().Add(-tt.age)
				if err := os.Chtimes(file, when, when); err != nil {
					t.Fatal(err)
				}
			}
			err = s.CheckQuota(context.Background(), "INBOX", 10)
			want := tt.file
			if tt.recounted {
				want = right
			}
			if got := mustRead(t, file); got != want {
				t.Errorf("file %q, want %q", got, want)
			}
			exceeded := strings.HasPrefix(tt.name, "exceeded") && !tt.recounted
			if (mailerr.Of(err) != nil) != exceeded {
				t.Errorf("CheckQuota: %v", err)
			}
		})
	}
}

func TestQuotaOfTheFile(t *testing.T) {
	q, err := ParseQuota([]string{"?:bytes=1000"}, "0")
	if err != nil {
		t.Fatal(err)
	}
	s, home := inHome(t, func(o *Options) { o.Quota = q })
	mustMakeDirs(t, home, "Maildir")
	mustWrite(t, home+"/Maildir/maildirsize", "20S,3C\n0 0\n")
	if err := s.CheckQuota(context.Background(), "INBOX", 21); !mailerr.IsPermanent(err) {
		t.Errorf("beyond the file's limit: %v", err)
	}
	if err := s.CheckQuota(context.Background(), "INBOX", 20); err != nil {
		t.Errorf("within it: %v", err)
	}
}

func TestQuotaErrors(t *testing.T) {
	q, err := ParseQuota([]string{"*:bytes=5"}, "0")
	if err != nil {
		t.Fatal(err)
	}
	q.Tempfail = true
	s, _ := inHome(t, func(o *Options) { o.Quota, o.User = q, "joe@example.org" })
	err = s.CheckQuota(context.Background(), "INBOX", 6)
	if e := mailerr.Of(err); e == nil || e.Code != 452 || !strings.Contains(e.Public, "<joe@example.org> Quota exceeded") {
		t.Errorf("error %+v", e)
	}
}

// Where the quota cannot be found out mail is stored all the same, with a warning.
func TestQuotaUnknown(t *testing.T) {
	q, err := ParseQuota([]string{"*:bytes=1"}, "0")
	if err != nil {
		t.Fatal(err)
	}
	var warned []error
	s, home := inHome(t, func(o *Options) { o.Quota, o.Warn = q, func(err error) { warned = append(warned, err) } })
	mustMakeDirs(t, home, "Maildir/maildirsize") // a directory cannot be read
	if err := s.CheckQuota(t.Context(), "INBOX", 6); err != nil || len(warned) != 1 {
		t.Errorf("error %v, warnings %v", err, warned)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.CheckQuota(ctx, "INBOX", 6); err == nil {
		t.Error("no error when the context has ended")
	}
}

// Abort takes the line back that Publish added.
func TestQuotaAfterAbort(t *testing.T) {
	q, err := ParseQuota([]string{"*:bytes=1000"}, "")
	if err != nil {
		t.Fatal(err)
	}
	s, home := inHome(t, func(o *Options) { o.Quota = q })
	p := prepare(t, s, "INBOX")
	if err := p.Publish(); err != nil {
		t.Fatal(err)
	}
	if err := p.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, home+"/Maildir/maildirsize"); got != "1000S\n0 0\n13 1\n-13 -1\n" {
		t.Errorf("file %q", got)
	}
}

func FuzzMaildirsize(f *testing.F) {
	f.Add("1000S,3C\n11 1\n-3 -1\n")
	f.Fuzz(func(t *testing.T, text string) {
		limit, sum, _, ok := parseMaildirsize(text)
		if limit.bytes < 0 || limit.count < 0 || ok && (sum.bytes < 0 || sum.count < 0) {
			t.Errorf("%q: limit %+v, sum %+v", text, limit, sum)
		}
	})
}
