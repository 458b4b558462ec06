package submission

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"dovetail/internal/mailerr"
	"dovetail/internal/message"
)

// Request is what a message asks of the MTA; the zero value asks for nothing.
type Request struct {
	Notify string             // RCPT NOTIFY= (RFC 3461 section 4.1): NEVER, or some of SUCCESS, FAILURE and DELAY with commas between
	Ret    string             // MAIL RET= (RFC 3461 section 4.3): FULL or HDRS
	By     *message.DeliverBy // MAIL BY= (RFC 2852 section 4)
}

// Taken tells what of a Request the MTA was asked for.
type Taken struct {
	DSN bool // Notify and Ret
	By  bool
}

// options gives what of the request goes to a server that offers what c says.
func (q Request) options(c *smtp.Client, now time.Time) (mail smtp.MailOptions, rcpt smtp.RcptOptions, by string, taken Taken, err error) {
	notify := q.Notify
	if q.By != nil {
		if by, err = q.deliverBy(c, now); err != nil {
			return mail, rcpt, "", taken, err
		}
		if taken.By = by != ""; !taken.By {
			notify = withDelay(notify)
		}
	}
	if taken.DSN, _ = c.Extension("DSN"); !taken.DSN {
		return mail, rcpt, by, taken, nil
	}
	mail.Return = smtp.DSNReturn(q.Ret)
	for word := range strings.SplitSeq(notify, ",") {
		if word != "" {
			rcpt.Notify = append(rcpt.Notify, smtp.DSNNotify(word))
		}
	}
	return mail, rcpt, by, taken, nil
}

// maxByTime bounds the seconds of BY, which have nine digits (RFC 2852 section 4).
const maxByTime = 999_999_999

// deliverBy gives the BY parameter as it stands in MAIL, empty where the server
// does not offer DELIVERBY. A message that is to be returned when it is late must
// not go to such a server, nor to one that needs more time than is left (RFC 2852
// section 4.1.4.1).
func (q Request) deliverBy(c *smtp.Client, now time.Time) (string, error) {
	offered, param := c.Extension("DELIVERBY")
	left := min(max(int64(q.By.Time.Sub(now)/time.Second), -maxByTime), maxByTime)
	mode := "N"
	if q.By.Return {
		least, _ := strconv.ParseInt(strings.TrimSpace(param), 10, 64) // what is no number says nothing
		switch {
		case !offered:
			return "", unfit([3]int{5, 3, 3}, "the message is to be returned when it is late, and the server does not offer DELIVERBY")
		case left < max(least, 1):
			return "", unfit([3]int{5, 4, 7}, "the message is to be delivered within %d seconds, and the server needs %d", left, max(least, 1))
		}
		mode = "R"
	}
	if !offered {
		return "", nil
	}
	if q.By.Trace {
		mode += "T"
	}
	return fmt.Sprintf(" BY=%d;%s", left, mode), nil
}

// unfit makes the error of a message that the server can never take as it is.
func unfit(status [3]int, format string, args ...any) error {
	return &mailerr.Error{Class: mailerr.Permanent, Code: 554, Status: status, Public: public,
		Exit: mailerr.ExNoPerm, Err: fmt.Errorf(format, args...)}
}

// withDelay adds to NOTIFY that the sender is told of a delay, for a server
// that knows nothing of the time (RFC 2852 section 4.1.4.2).
func withDelay(notify string) string {
	switch {
	case notify == "":
		return "FAILURE,DELAY"
	case notify == "NEVER" || slices.Contains(strings.Split(notify, ","), "DELAY"):
		return notify
	}
	return notify + ",DELAY"
}

// mailLine is a connection that adds a parameter to the MAIL command. go-smtp's
// client has BY as a parameter of RCPT only, and RFC 2852 section 4 has it with MAIL.
type mailLine struct {
	net.Conn
	param string
}

var errMailLine = errors.New("the MAIL command is not one line")

func (l *mailLine) Write(p []byte) (int, error) {
	if l.param == "" {
		return l.Conn.Write(p)
	}
	line, ok := strings.CutSuffix(string(p), "\r\n")
	if !ok || !strings.HasPrefix(line, "MAIL FROM:") {
		return 0, errMailLine
	}
	line, l.param = line+l.param+"\r\n", ""
	if _, err := io.WriteString(l.Conn, line); err != nil {
		return 0, err
	}
	return len(p), nil
}
