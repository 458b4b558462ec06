package peer

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// clientTimeout bounds a command to a mail server.
const clientTimeout = time.Minute

// Dial connects to "unix:PATH" or "tcp:HOST:PORT".
func Dial(addr string) (net.Conn, error) {
	network, address, ok := strings.Cut(addr, ":")
	if !ok || network != "unix" && network != "tcp" {
		return nil, fmt.Errorf("address %q: wanted unix:PATH or tcp:HOST:PORT", addr)
	}
	return net.DialTimeout(network, address, clientTimeout)
}

// DeliverLMTP delivers a message by LMTP and returns one error or nil for each
// recipient; errors of the server are *smtp.SMTPError. Any other failure ends
// the test. The recipients have to differ from each other.
func DeliverLMTP(t T, addr, from string, to []string, message string) []error {
	t.Helper()
	conn, err := Dial(addr)
	if err != nil {
		t.Fatalf("connecting to LMTP: %v", err)
	}
	defer conn.Close()
	c := smtp.NewClientLMTP(conn)
	c.CommandTimeout, c.SubmissionTimeout = clientTimeout, clientTimeout
	if err := c.Mail(from, nil); err != nil {
		t.Fatalf("MAIL FROM:<%s>: %v", from, err)
	}
	results := make([]error, len(to))
	accepted := map[string]int{}
	for i, rcpt := range to {
		if results[i] = c.Rcpt(rcpt, nil); results[i] == nil {
			accepted[rcpt] = i
		}
	}
	if len(accepted) == 0 {
		return results
	}
	data, err := c.Data()
	if err != nil {
		t.Fatalf("DATA: %v", err)
	}
	if _, err := data.Write([]byte(message)); err != nil {
		t.Fatalf("sending the message: %v", err)
	}
	stored, err := data.CloseWithLMTPResponse()
	var refused smtp.LMTPDataError
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("after DATA: %v", err)
	}
	for rcpt, refusal := range refused {
		results[accepted[rcpt]] = refusal
	}
	if len(stored)+len(refused) != len(accepted) {
		t.Errorf("%d recipients, %d answers and %d refusals", len(accepted), len(stored), len(refused))
	}
	_ = c.Quit()
	return results
}
