package submission

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/message"
)

var letter = message.Parse([]byte("Subject: x\n\nbody\nMAIL FROM: nobody\n"))

// listen serves one session of a server that offers some extensions, and gives
// its commands but for QUIT, and the message's lines.
func listen(t *testing.T, offers ...string) (*SMTP, func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	seen := make(chan []string, 1)
	go func() {
		var lines []string
		defer func() { seen <- lines }()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		say := func(text string) { _, _ = conn.Write([]byte(text + "\r\n")) } // the client sees what is missing
		say("220 ready")
		for in := bufio.NewScanner(conn); in.Scan(); {
			line := in.Text()
			switch verb, _, _ := strings.Cut(line, " "); verb {
			case "EHLO":
				say("250-mx\r\n" + strings.Join(append(slices.Clone(offers), ""), "\r\n") + "250 HELP")
			case "QUIT":
				say("221 bye")
				return
			case "DATA":
				say("354 go on")
			case "MAIL", "RCPT", ".":
				say("250 ok")
			}
			if !strings.HasPrefix(line, "EHLO") {
				lines = append(lines, line)
			}
		}
	}()
	return &SMTP{Addr: l.Addr().String()}, func() []string { l.Close(); return <-seen }
}

// RFC 3461 sections 4.1 and 4.3, RFC 2852 sections 4 and 4.1.4: what is asked goes to
// a server that offers it, and to no other.
func TestSendAsking(t *testing.T) {
	now := time.Now()
	in := func(d time.Duration) *message.DeliverBy {
		return &message.DeliverBy{Time: now.Add(d + time.Second/2)}
	}
	back := func(d time.Duration) *message.DeliverBy {
		by := in(d)
		by.Return, by.Trace = true, true
		return by
	}
	for name, c := range map[string]struct {
		offers     []string
		ask        Request
		mail, rcpt string
		taken      Taken
	}{
		"nothing asked":      {offers: []string{"250-DSN", "250-DELIVERBY"}, taken: Taken{DSN: true}},
		"DSN":                {offers: []string{"250-DSN"}, ask: Request{Notify: "SUCCESS,DELAY", Ret: "HDRS"}, mail: " RET=HDRS", rcpt: " NOTIFY=SUCCESS,DELAY", taken: Taken{DSN: true}},
		"no DSN":             {ask: Request{Notify: "SUCCESS,DELAY", Ret: "HDRS"}},
		"time":               {offers: []string{"250-DELIVERBY"}, ask: Request{By: in(time.Minute)}, mail: " BY=60;N", taken: Taken{By: true}},
		"time that is over":  {offers: []string{"250-DELIVERBY"}, ask: Request{By: in(-time.Hour)}, mail: " BY=-3599;N", taken: Taken{By: true}},
		"time, to return":    {offers: []string{"250-DSN", "250-DELIVERBY 60"}, ask: Request{Ret: "FULL", By: back(time.Minute)}, mail: " RET=FULL BY=60;RT", taken: Taken{true, true}},
		"distant time":       {offers: []string{"250-DELIVERBY"}, ask: Request{By: in(100 * 365 * 24 * time.Hour)}, mail: " BY=999999999;N", taken: Taken{By: true}},
		"no time":            {ask: Request{By: in(time.Minute)}},
		"no time, but DSN":   {offers: []string{"250-DSN"}, ask: Request{By: in(time.Minute)}, rcpt: " NOTIFY=FAILURE,DELAY", taken: Taken{DSN: true}},
		"no time, a delay":   {offers: []string{"250-DSN"}, ask: Request{Notify: "SUCCESS", By: in(time.Minute)}, rcpt: " NOTIFY=SUCCESS,DELAY", taken: Taken{DSN: true}},
		"no time, as wanted": {offers: []string{"250-DSN"}, ask: Request{Notify: "DELAY", By: in(time.Minute)}, rcpt: " NOTIFY=DELAY", taken: Taken{DSN: true}},
		"no time, never":     {offers: []string{"250-DSN"}, ask: Request{Notify: "NEVER", By: in(time.Minute)}, rcpt: " NOTIFY=NEVER", taken: Taken{DSN: true}},
	} {
		t.Run(name, func(t *testing.T) {
			client, seen := listen(t, c.offers...)
			client.now = func() time.Time { return now }
			taken, err := client.SendAsking(t.Context(), "a@example.org", []string{"b@example.org"}, letter, c.ask)
			want := []string{"MAIL FROM:<a@example.org>" + c.mail, "RCPT TO:<b@example.org>" + c.rcpt,
				"DATA", "Subject: x", "", "body", "MAIL FROM: nobody", "."}
			if lines := seen(); err != nil || taken != c.taken || !slices.Equal(lines, want) {
				t.Errorf("%v, %+v, %q", err, taken, lines)
			}
		})
	}
}

// RFC 2852 section 4.1.4.1: what is to be returned when it is late does not go where
// that is not known, nor where there is not the time.
func TestSendAskingRefused(t *testing.T) {
	for name, c := range map[string]struct {
		offers []string
		left   time.Duration
		status [3]int
	}{
		"not offered":   {[]string{"250-DSN"}, time.Hour, [3]int{5, 3, 3}},
		"too short":     {[]string{"250-DELIVERBY 3600"}, time.Minute, [3]int{5, 4, 7}},
		"over":          {[]string{"250-DELIVERBY"}, 0, [3]int{5, 4, 7}},
		"not a program": {nil, time.Hour, [3]int{5, 3, 3}},
	} {
		ask := Request{By: &message.DeliverBy{Time: time.Now().Add(c.left), Return: true}}
		var err error
		if c.offers == nil {
			_, err = (&Sendmail{Path: "/bin/true"}).SendAsking(t.Context(), "a@example.org", []string{"b@example.org"}, letter, ask)
		} else {
			client, seen := listen(t, c.offers...)
			_, err = client.SendAsking(t.Context(), "a@example.org", []string{"b@example.org"}, letter, ask)
			if lines := seen(); len(lines) != 0 {
				t.Errorf("%s: sent %q", name, lines)
			}
		}
		if !mailerr.IsPermanent(err) || mailerr.Of(err).Status != c.status {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A program is asked by flags where it has them, and never else: Exim's -N drops mail.
func TestSendmailAsking(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sendmail")
	script := "#!/bin/sh\necho \"$@\" >" + filepath.Join(dir, "args") + "\ncat >/dev/null\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	by := &message.DeliverBy{Time: time.Now().Add(time.Hour)}
	for _, c := range []struct {
		dsn  bool
		ask  Request
		want string
	}{
		{false, Request{Notify: "NEVER", Ret: "FULL"}, "-i -f a@b -- c@d"},
		{true, Request{Notify: "SUCCESS,DELAY", Ret: "FULL"}, "-i -f a@b -N success,delay -R full -- c@d"},
		{true, Request{By: by}, "-i -f a@b -N failure,delay -- c@d"},
		{true, Request{}, "-i -f a@b -- c@d"},
	} {
		taken, err := (&Sendmail{Path: path, DSN: c.dsn}).SendAsking(t.Context(), "a@b", []string{"c@d"}, letter, c.ask)
		args, readErr := os.ReadFile(filepath.Join(dir, "args"))
		if got := strings.TrimSpace(string(args)); err != nil || readErr != nil || got != c.want || taken != (Taken{DSN: c.dsn}) {
			t.Errorf("%+v: %q, %+v, %v, %v", c, got, taken, err, readErr)
		}
	}
}
