package e2e

import (
	"net/textproto"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

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

// Who asks for a notification of success gets it, from the MTA: since DSN is not
// offered here, the MTA knows that nobody else sends one (RFC 3461 section 5.2.2).
func TestSuccessNotification(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	s.start()
	e := peer.StartExim(t, peer.EximOptions{LMTPSocket: s.socket})
	c, err := smtp.Dial(e.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail("a@example.net", &smtp.MailOptions{Return: smtp.DSNReturnHeaders, EnvelopeID: "id1"}); err != nil {
		t.Fatal(err)
	}
	if ok, _ := c.Extension("DSN"); !ok {
		t.Fatal("Exim does not offer DSN")
	}
	if err := c.Rcpt("bert@example.org", &smtp.RcptOptions{Notify: []smtp.DSNNotify{smtp.DSNNotifySuccess},
		OriginalRecipientType: smtp.DSNAddressTypeRFC822, OriginalRecipient: "Bert@example.org"}); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err == nil {
		_, err = w.Write([]byte(letter))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	e.WaitQueueEmpty(patience)
	s.count("bert", "INBOX", 1)
	out := e.Outside()
	if len(out) != 1 || !strings.Contains(out[0], "Original-Envelope-ID: id1") || !strings.Contains(out[0], "Action: delivered") {
		t.Errorf("notifications: %q", out)
	}
}

// What a redirect asks of Exim, which offers DSN and no DELIVERBY: the user is the
// sender and gets the notifications, and what is to be returned when it is late
// stays with the user (RFC 6009 sections 6 and 7, RFC 2852 section 4.1.4).
func TestRedirectAsksExim(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	s.script(`require ["redirect-dsn", "redirect-deliverby", "fileinto", "mailbox"];
		if address "from" "postmaster@example.org" { fileinto :create "Reports"; }
		elsif header :contains "from" "Mailer-Daemon" { fileinto :create "Bounces"; }
		elsif header "subject" "return" { redirect :bytimerelative 600 "a@outside.example"; }
		elsif header "subject" "notify" { redirect :bytimerelative 600 :bymode "notify" "b@outside.example"; }
		elsif header "subject" "success" { redirect :notify "SUCCESS" :ret "HDRS" "c@outside.example"; }`, "bert")
	e := peer.StartExim(t, peer.EximOptions{LMTPSocket: s.socket})
	s.extra["submission"] = "host = \"" + e.Addr + "\"\n"
	s.start()
	for _, subject := range []string{"return", "notify", "success"} {
		if err := s.deliver("bert", "From: x@example.net\r\nMessage-ID: <"+subject+"@example.net>\r\nSubject: "+subject+"\r\n\r\nbody\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	e.WaitQueueEmpty(patience)
	if m := s.count("bert", "INBOX", 1); len(m) == 1 && !strings.Contains(m[0].text, "Subject: return\n") {
		t.Errorf("in INBOX: %s", m[0].text)
	}
	if m := s.count("bert", "Reports", 1); len(m) == 1 && !strings.Contains(m[0].text, "Action: relayed") {
		t.Errorf("report: %s", m[0].text)
	}
	if m := s.count("bert", "Bounces", 1); len(m) == 1 && !strings.Contains(m[0].text, "Action: delivered") {
		t.Errorf("Exim's notification: %s", m[0].text)
	}
	out := e.Outside()
	if len(out) != 2 {
		t.Fatalf("sent: %q", out)
	}
	for _, m := range out {
		if !strings.HasPrefix(m, "Return-path: <bert@example.org>") {
			t.Errorf("the sender is not the user: %s", m)
		}
	}
}
