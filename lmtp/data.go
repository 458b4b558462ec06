package lmtp

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/message"
)

// intake takes in the message of one transaction. After its first failure it
// drops what comes, so that the session stays in step with the client.
type intake struct {
	srv     *settings
	spool   *message.Spool
	decoder decoder
	err     error // why the message cannot be delivered
}

func (s *session) newIntake(dots bool) *intake {
	in := &intake{srv: s.srv, spool: s.srv.spools.Get().(*message.Spool)}
	in.decoder = decoder{dots: dots, write: in.write}
	return in
}

func (in *intake) write(p []byte) {
	limit := in.srv.Limits.MessageSize
	if in.err == nil && limit > 0 && in.decoder.size > limit {
		in.err = &mailerr.Error{
			Class: mailerr.Permanent, Code: tooLarge.code, Status: [3]int{5, 3, 4},
			Public: "Message is too large", Exit: mailerr.ExNoPerm,
		}
	}
	if in.err != nil {
		return
	}
	if _, err := in.spool.Write(p); err != nil {
		in.err = mailerr.FromErrno(err)
	}
}

// message ends the intake.
func (in *intake) message() (*message.Message, error) {
	in.decoder.flush()
	if in.err != nil {
		return nil, in.err
	}
	m, err := in.spool.Message()
	if err != nil {
		return nil, mailerr.FromErrno(err)
	}
	return m, nil
}

// release frees the file and gives the memory back for other sessions.
func (in *intake) release() {
	if err := in.spool.Reset(); err != nil {
		in.srv.Log.Warn("cannot close the spool file", "error", err)
	}
	in.srv.spools.Put(in.spool)
}

// data is DATA (RFC 2033 section 4.2).
func (s *session) data(arg string) {
	switch {
	case arg != "":
		s.refuse(501, "5.5.4 DATA has no parameters")
		return
	case s.tx == nil:
		s.refuse(503, "5.5.1 MAIL needed first")
		return
	case len(s.rcpts) == 0:
		s.refuse(503, "5.5.1 No valid recipients")
		return
	case s.intake != nil:
		s.refuse(503, "5.5.1 DATA after BDAT")
		return
	}
	s.reply(354, "OK")
	s.intake = s.newIntake(true)
	if s.receive(math.MaxInt64, s.intake.decoder.decode) {
		s.deliver()
	}
}

// bdat is BDAT (RFC 3030 section 2). A chunk that is not the last is answered
// 250 even when the message has failed already: the recipients' replies to the
// last one tell.
func (s *session) bdat(arg string) {
	length, last, _ := strings.Cut(arg, " ")
	size, err := strconv.ParseUint(length, 10, 63)
	if err != nil || last != "" && !strings.EqualFold(last, "LAST") {
		// How much of what follows is the chunk, nobody can tell.
		s.refuse(501, "5.5.4 Bad parameters of BDAT")
		s.over = true
		return
	}
	if len(s.rcpts) == 0 {
		if s.receive(int64(size), func(b []byte) (int, bool) { return len(b), false }) {
			s.refuse(503, "5.5.1 No valid recipients")
		}
		return
	}
	if s.intake == nil {
		s.intake = s.newIntake(false)
	}
	if !s.receive(int64(size), s.intake.decoder.decode) {
		return
	}
	if last != "" {
		s.deliver()
		return
	}
	s.reply(250, "2.0.0 "+length+" octets received")
}

// receive hands size bytes to take, less if take says that the end came before,
// and tells whether they came. take gives how many bytes it has used.
func (s *session) receive(size int64, take func([]byte) (n int, end bool)) bool {
	s.wire.expect(s.srv.Limits.DataTimeout, false)
	for end := false; size > 0 && !end; {
		b, err := s.wire.buffered(size)
		if err != nil {
			s.lost(err)
			return false
		}
		var n int
		n, end = take(b)
		size -= int64(n)
		s.wire.in.Discard(n) // cannot fail: n bytes are buffered
	}
	return true
}

// deliver ends the transaction: the message goes to the Deliverer, and each RCPT
// that was answered 250 gets its reply. They leave in one write.
func (s *session) deliver() {
	var errs []error
	m, err := s.intake.message()
	if err == nil {
		err = s.tx.overdue(time.Now())
	}
	if err == nil {
		s.tx.Message = m
		errs = s.srv.Deliverer.Deliver(s.ctx, s.tx)
		if len(errs) != len(s.tx.Recipients) {
			s.log.Error("delivery gave a wrong number of answers: they count as temporary failures",
				"answers", len(errs), "recipients", len(s.tx.Recipients))
			err = errors.New("wrong number of answers")
		}
	} else {
		s.log.Warn("message cannot be taken in", "id", s.tx.ID, "from", s.tx.From, "recipients", len(s.rcpts), "error", err)
	}
	for _, i := range s.rcpts {
		rcpt := &s.tx.Recipients[i]
		failed := err
		if failed == nil {
			failed = errs[i]
		}
		if failed != nil {
			s.replyError(failed, rcpt.Address)
			continue
		}
		s.reply(250, "2.0.0 <"+rcpt.Address+"> "+rcpt.ID+" Saved")
	}
	s.reset()
	if err := s.wire.flush(); err != nil {
		s.lost(err)
	}
}
