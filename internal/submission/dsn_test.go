package submission

import (
	"fmt"
	"net"
	"testing"

	"github.com/emersion/go-smtp"

	"dovetail/internal/message"
)

// asked notes what a session asks for.
type asked struct {
	mta
	notify []smtp.DSNNotify
}

func (a *asked) NewSession(*smtp.Conn) (smtp.Session, error) { return a, nil }

func (a *asked) Rcpt(to string, opts *smtp.RcptOptions) error {
	a.notify = opts.Notify
	return a.mta.Rcpt(to, opts)
}

// RFC 3461 sections 4.1, 4.3 and 5.2.2: the parameters go to a server that knows
// them, the message goes to every one.
func TestSendAsking(t *testing.T) {
	for _, dsn := range []bool{true, false} {
		a := &asked{}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := smtp.NewServer(a)
		srv.EnableDSN, srv.ErrorLog = dsn, nullLog{}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		c := &SMTP{Addr: l.Addr().String()}
		err = c.SendAsking(t.Context(), "a@example.org", []string{"b@example.org"},
			message.Parse([]byte("Subject: x\n\nbody\n")), Notifications{Notify: "SUCCESS,DELAY", Ret: "HDRS"})
		srv.Close()
		l.Close()
		<-served
		want := map[bool]string{true: "[SUCCESS DELAY] HDRS 1", false: "[]  1"}[dsn]
		if got := fmt.Sprint(a.notify, " ", a.opts.Return, " ", len(a.got)); err != nil || got != want {
			t.Errorf("dsn %v: %q, %v", dsn, got, err)
		}
	}
}
