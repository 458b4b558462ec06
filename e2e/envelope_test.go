package e2e

import (
	"net/textproto"
	"testing"

	"dovetail/internal/peer"
)

// Scripts see what MAIL and RCPT asked about notifications and the time of delivery.
func TestEnvelopeParameters(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	s.script(`require ["envelope", "envelope-dsn", "envelope-deliverby", "relational", "comparator-i;ascii-numeric",
			"fileinto", "mailbox"];
		if allof (envelope "orcpt" "x400;/g=a/", envelope "notify" "SUCCESS", envelope :count "eq" "notify" "2",
			envelope "ret" "HDRS", envelope "envid" "id+1", envelope "bymode" "return", envelope "bytrace" "trace",
			envelope :value "gt" :comparator "i;ascii-numeric" "bytimerelative" "60") {
			fileinto :create "Asked";
		}`, "bert")
	s.start()
	conn, err := peer.Dial(s.lmtp())
	if err != nil {
		t.Fatal(err)
	}
	c := textproto.NewConn(conn)
	defer c.Close()
	if _, _, err := c.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		line string
		code int
	}{
		{"LHLO peer.example.org", 250},
		{"MAIL FROM:<a@example.net> RET=HDRS ENVID=id+2B1 BY=3600;RT", 250},
		{"RCPT TO:<bert@example.org> NOTIFY=SUCCESS,DELAY ORCPT=x400;/g+3Da/", 250},
		{"DATA", 354},
		{letter + ".", 250},
		{"QUIT", 221},
	} {
		if err := c.PrintfLine("%s", step.line); err != nil {
			t.Fatal(err)
		}
		if code, text, err := c.ReadResponse(step.code); err != nil {
			t.Fatalf("%s: %d %s (%v)", step.line, code, text, err)
		}
	}
	s.count("bert", "Asked", 1)
}
