package svtest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

// checkObject tells whether test_set knows an object.
func checkObject(name string) error {
	object, member, has := strings.Cut(strings.ToLower(name), ".")
	switch {
	case object == "message" && !has:
		return nil
	case object != "message" && object != "envelope":
		return fmt.Errorf("unknown testsuite object '%s'", object)
	case object == "envelope" && slices.Contains([]string{"from", "to", "orig_to", "auth", "notify", "orcpt", "ret", "envid", "by"}, member):
		return nil
	}
	return fmt.Errorf("member '%s' does not exist for testsuite object '%s'", member, object)
}

func (s *suite) testSet(r *engine.Run, c *engine.Call) error {
	object, _ := c.Str(0).Const()
	value := c.Str(1).Eval(r)
	switch strings.ToLower(object) {
	case "message":
		s.use(r, message.Parse([]byte(value)), nil)
	case "envelope.from":
		s.envelope.From = s.path("sender", value)
	case "envelope.to":
		s.envelope.To = s.path("recipient", value)
		s.envelope.OrigTo = s.envelope.To
	case "envelope.orig_to":
		s.envelope.OrigTo = s.path("recipient", value)
	case "envelope.auth":
		s.envelope.Auth = value
	case "envelope.notify":
		s.envelope.Notify = value
	case "envelope.orcpt":
		s.envelope.ORcpt = value
	case "envelope.ret":
		s.envelope.Ret = value
	case "envelope.envid":
		s.envelope.EnvID = value
	case "envelope.by":
		by, err := deliverBy(value, r.Now())
		if err != nil {
			return s.fail("envelope.by: %v", err)
		}
		s.envelope.By = by
	}
	return nil
}

// deliverBy reads SECONDS;MODE, where MODE is N or R with T behind it or not (RFC
// 2852 section 4); nothing for "".
func deliverBy(value string, now time.Time) (*message.DeliverBy, error) {
	if value == "" {
		return nil, nil
	}
	var seconds int64
	var mode string
	if _, err := fmt.Sscanf(value, "%d;%s", &seconds, &mode); err != nil {
		return nil, fmt.Errorf("%q is not SECONDS;MODE: %w", value, err)
	}
	mode, trace := strings.CutSuffix(mode, "T")
	if mode != "N" && mode != "R" {
		return nil, fmt.Errorf("%q: the mode is N, R, NT or RT", value)
	}
	return &message.DeliverBy{Time: now.Add(time.Duration(seconds) * time.Second), Return: mode == "R", Trace: trace}, nil
}

// path reads an address of the envelope; a bad one is logged and counts as none.
func (s *suite) path(whose, value string) string {
	a, err := message.ParsePath(value)
	if err != nil {
		s.log("testsuite: envelope %s address `%s' is invalid: %v", whose, value, err)
	}
	if a == (message.Address{}) {
		return "" // String would quote it
	}
	return a.String()
}

// use makes msg, stored with flags, the current message.
func (s *suite) use(r *engine.Run, msg *message.Message, flags []string) {
	// The flags of a message count until the script sets others.
	if slices.Equal(r.Flags(), s.env.Flags) {
		r.SetFlags(flags)
	}
	s.env.Flags = flags
	r.SetOriginal(msg)
	s.setEnvelope(msg)
}

// setEnvelope takes the envelope from the header of the message.
func (s *suite) setEnvelope(msg *message.Message) {
	to := firstAddress(msg, "recipient@example.com", "Envelope-To", "To")
	s.envelope = message.Envelope{
		From: firstAddress(msg, "sender@example.com", "Return-Path", "Sender", "From"),
		To:   to, OrigTo: to, Auth: user,
	}
}

func firstAddress(msg *message.Message, def string, fields ...string) string {
	for _, name := range fields {
		for f := range msg.Header(name) {
			for _, a := range message.ParseAddresses(f.Value()) {
				if a.IsMailbox() {
					return a.String()
				}
			}
			break
		}
	}
	return def
}

// checkSource asks for one of the two sources of test_message.
func checkSource(c *engine.Call) error {
	if c.TagOf("SOURCE") == nil {
		return fmt.Errorf("the test_message command requires either the :smtp or the :folder tag to be specified")
	}
	return nil
}

// testMessage makes a message sent or stored the current one; there must be one.
func (s *suite) testMessage(r *engine.Run, c *engine.Call) error {
	ok, err := s.hasMessage(r, c)
	if err != nil || ok {
		return err
	}
	index, _ := c.Num(0)
	if t := c.Tag("folder"); t != nil {
		return s.fail("no message in folder '%s' with index %d", t.Str().Eval(r), index)
	}
	return s.fail("no outgoing SMTP message with index %d", index)
}

// hasMessage does so where there is one.
func (s *suite) hasMessage(r *engine.Run, c *engine.Call) (bool, error) {
	index, _ := c.Num(0)
	if t := c.Tag("folder"); t != nil {
		name := t.Str().Eval(r)
		if err := engine.CheckMailbox(name); err != nil {
			return false, s.fail("invalid mailbox `%s' specified: %v", name, err)
		}
		stored := s.boxes.Messages(mailbox(name))
		if index >= uint64(len(stored)) {
			return false, nil
		}
		s.use(r, stored[index].Message, stored[index].Flags)
		return true, nil
	}
	if index >= uint64(len(s.outbox)) {
		return false, nil
	}
	m := s.outbox[index]
	s.use(r, m.message, nil)
	s.envelope.From, s.envelope.To, s.envelope.OrigTo = m.from, m.to, m.to
	s.envelope.Notify, s.envelope.Ret, s.envelope.By = m.ask.Notify, m.ask.Ret, m.ask.By
	return true, nil
}

func (s *suite) testMessagePrint(r *engine.Run, _ *engine.Call) error {
	_, err := io.Copy(s.opts.Print, io.MultiReader(
		strings.NewReader("\n--MESSAGE:\n"), r.Message().Open(), strings.NewReader("\n--MESSAGE--\n")))
	return err
}
