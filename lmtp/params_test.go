package lmtp

import (
	"testing"
	"time"

	"dovetail/internal/message"
)

func TestParseBy(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]message.DeliverBy{
		"120;R":        {Time: now.Add(2 * time.Minute), Return: true},
		"+120;rt":      {Time: now.Add(2 * time.Minute), Return: true, Trace: true},
		"-120;N":       {Time: now.Add(-2 * time.Minute)},
		"0;NT":         {Time: now, Trace: true},
		"999999999;N":  {Time: now.Add(999999999 * time.Second)},
		"-999999999;n": {Time: now.Add(-999999999 * time.Second)},
	} {
		if by, ok := parseBy(value, now); !ok || *by != want {
			t.Errorf("%q: %+v, %v", value, by, ok)
		}
	}
	for _, value := range []string{
		"", ";", "1", "1;", ";N", "1;X", "1;T", "1;TN", "1;NTT", "x;N", "-;N", "+-1;N", "--1;N", "-+1;N", "1000000000;N", "0;R", "-1;R", "-1;RT", "1 ;N",
	} {
		if by, ok := parseBy(value, now); ok {
			t.Errorf("%q is taken as %+v", value, by)
		}
	}
}

func TestSetORcpt(t *testing.T) {
	for value, want := range map[string]Recipient{
		"rfc822;a+2Bb@c":  {ORcpt: "rfc822;a+b@c", OrigTo: "a+b@c"},
		"UTF-8;a@c":       {ORcpt: "UTF-8;a@c", OrigTo: "a@c"},
		"x400;/g=a/;/s=b": {ORcpt: "x400;/g=a/;/s=b"},
	} {
		var r Recipient
		if !r.setORcpt(value) || r != want {
			t.Errorf("%q: %+v", value, r)
		}
	}
	for _, value := range []string{"", ";a@b", "a@b", "rfc822;+0", "rfc822;+0A", "x\x00;a"} {
		if r := (Recipient{}); r.setORcpt(value) {
			t.Errorf("%q is taken as %+v", value, r)
		}
	}
}
