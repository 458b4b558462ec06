package ext

import (
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.FixedZone("", 2*3600))

// RFC 6009 sections 4 and 5: the parts of the envelope, and that none matches
// where the sender has not asked.
func TestEnvelopeParts(t *testing.T) {
	full := &message.Envelope{
		From: "a@example.net", To: "b@example.org", Notify: "SUCCESS,FAILURE", ORcpt: "rfc822;c@example.com", Ret: "HDRS", EnvID: "QQ314159",
		By: &message.DeliverBy{Time: noon.Add(-90 * time.Second).UTC(), Trace: true},
	}
	for test, want := range map[string]bool{
		`envelope "notify" "success"`:                                                       true,
		`envelope "NOTIFY" "delay"`:                                                         false,
		`envelope :comparator "i;ascii-numeric" :count "eq" "notify" "2"`:                   true,
		`envelope :matches "orcpt" "rfc822;*@example.com"`:                                  true,
		`envelope "ret" "hdrs"`:                                                             true,
		`envelope "envid" "QQ314159"`:                                                       true,
		`envelope ["ret", "from"] "a@example.net"`:                                          true,
		`envelope :contains "bytimerelative" "-"`:                                           true,
		`envelope "bytimerelative" "-90"`:                                                   true,
		`envelope "bytimeabsolute" "2026-05-01T11:58:30+02:00"`:                             true,
		`envelope :zone "+0000" "bytimeabsolute" "2026-05-01T09:58:30Z"`:                    true,
		`envelope :zone "-0730" ["from", "bytimeabsolute"] "2026-05-01T02:28:30-07:30"`:     true,
		`envelope :zone "CET" "bytimeabsolute" "2026-05-01T11:58:30+02:00"`:                 true, // no offset: as without
		`envelope "bymode" "notify"`:                                                        true,
		`envelope "bytrace" "trace"`:                                                        true,
		`envelope :comparator "i;ascii-numeric" :count "eq" "bytrace" "1"`:                  true,
		`envelope :comparator "i;ascii-numeric" :count "eq" ["bymode", "envid", "ret"] "3"`: true,
	} {
		p := compileForTest(t, `require ["envelope", "envelope-dsn", "envelope-deliverby", "relational", "comparator-i;ascii-numeric"];
			if `+test+` { discard; }`, nil)
		for env, want := range map[*message.Envelope]bool{full: want, {From: "x@example.net"}: false} {
			res := p.Run(t.Context(), message.Parse([]byte("\n")), &engine.Env{Envelope: env, Now: func() time.Time { return noon }})
			if got := res.Keep == nil; res.Err != nil || got != want {
				t.Errorf("%s, from %s: %v (%v)", test, env.From, got, res.Err)
			}
		}
	}
}

// RFC 6009 section 5: the values of BY=60;R.
func TestEnvelopeReturn(t *testing.T) {
	env := &message.Envelope{By: &message.DeliverBy{Time: noon.Add(time.Minute), Return: true}}
	p := compileForTest(t, `require ["envelope", "envelope-deliverby"];
		if allof (envelope "bymode" "return", envelope "bytrace" "", not envelope "bytrace" "trace",
			envelope "bytimerelative" "60") { discard; }`, nil)
	res := p.Run(t.Context(), message.Parse([]byte("\n")), &engine.Env{Envelope: env, Now: func() time.Time { return noon }})
	if res.Err != nil || res.Keep != nil {
		t.Errorf("keep %v, %v", res.Keep, res.Err)
	}
}

// What is no part of the envelope, needs its extension, or can have no address part.
func TestEnvelopePartErrors(t *testing.T) {
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{
		`require "envelope"; if envelope "notify" "NEVER" { stop; }`,
		`require ["envelope", "envelope-dsn"]; if envelope "bymode" "notify" { stop; }`,
		`require ["envelope", "envelope-dsn"]; if envelope :localpart "notify" "NEVER" { stop; }`,
		`require ["envelope", "envelope-deliverby"]; if envelope :all ["from", "bymode"] "notify" { stop; }`,
		`require "redirect-dsn"; redirect :notify "NEVER,DELAY" "a@example.org";`,
		`require ["envelope", "envelope-dsn"]; if envelope :zone "+0000" "notify" "NEVER" { stop; }`,
		`require ["envelope", "envelope-deliverby"]; if envelope :zone "+0000" :zone "+0100" "bymode" "notify" { stop; }`,
		`require "redirect-dsn"; redirect :notify "SUCCESS," "a@example.org";`,
		`require "redirect-dsn"; redirect :notify "SUCCESS, DELAY" "a@example.org";`,
		`require "redirect-dsn"; redirect :notify "" "a@example.org";`,
		`require "redirect-dsn"; redirect :ret "ALL" "a@example.org";`,
		`require "redirect-deliverby"; redirect :bymode "return" "a@example.org";`,
		`require "redirect-deliverby"; redirect :bytrace "a@example.org";`,
		`require "redirect-deliverby"; redirect :bytimerelative 600 :bymode "sometime" "a@example.org";`,
		`require "redirect-deliverby"; redirect :bytimerelative 1000000000 "a@example.org";`,
		`require "redirect-deliverby"; redirect :bytimeabsolute "tomorrow" "a@example.org";`,
		`require "redirect-deliverby"; redirect :bytimerelative 6 :bytimeabsolute "2026-05-01T11:58:30+02:00" "a@example.org";`,
		`redirect :ret "FULL" "a@example.org";`,
	} {
		if p, _ := e.Compile("test", []byte(src), false); p != nil {
			t.Errorf("compiles: %s", src)
		}
	}
}

// RFC 6009 sections 6 and 7: what a redirect asks for.
func TestRedirectParameters(t *testing.T) {
	for src, want := range map[string]action.Redirect{
		`redirect :notify "failure,DELAY" :ret "full" "a@example.org";`: {Notify: "DELAY,FAILURE", Ret: "FULL"},
		`redirect :notify "SUCCESS,SUCCESS" "a@example.org";`:           {Notify: "SUCCESS"},
		`redirect :copy :notify "NEVER" "a@example.org";`:               {Notify: "NEVER", Copy: true},
		`redirect :bytimerelative 600 "a@example.org";`:                 {By: &message.DeliverBy{Time: noon.Add(10 * time.Minute), Return: true}},
		`redirect :bymode "Return" :bytrace :bytimeabsolute "2026-05-01T22:00:00+0200" "a@example.org";`: {
			By: &message.DeliverBy{Time: noon.Add(10 * time.Hour), Return: true, Trace: true},
		},
		`redirect :bytimeabsolute "2026-05-01t09:00:00z" :bymode "notify" "a@example.org";`: {By: &message.DeliverBy{Time: noon.Add(-time.Hour)}},
	} {
		p := compileForTest(t, `require ["copy", "redirect-dsn", "redirect-deliverby"]; `+src, nil)
		res := p.Run(t.Context(), message.Parse([]byte("\n")), &engine.Env{Now: func() time.Time { return noon }})
		if res.Err != nil || len(res.Actions) != 1 {
			t.Errorf("%s: %v", src, res.Err)
			continue
		}
		got := res.Actions[0].(*action.Redirect)
		sameBy := (got.By == nil) == (want.By == nil) && (got.By == nil ||
			got.By.Time.Equal(want.By.Time) && got.By.Return == want.By.Return && got.By.Trace == want.By.Trace)
		if got.Notify != want.Notify || got.Ret != want.Ret || got.Copy != want.Copy || !sameBy {
			t.Errorf("%s: %+v", src, got)
		}
	}
	// RFC 2852 section 4: what is late already cannot be returned for it.
	p := compileForTest(t, `require "redirect-deliverby"; redirect :bytimeabsolute "2026-05-01T09:00:00Z" "a@example.org";`, nil)
	if res := p.Run(t.Context(), message.Parse([]byte("\n")), &engine.Env{Now: func() time.Time { return noon }}); res.Err == nil {
		t.Error("late and to be returned: no error")
	}
}
