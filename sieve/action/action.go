// Package action is the closed set of effects that a Sieve script may ask for.
//
// Extensions of the language compose these values and invent no others, so the
// executor (internal/delivery) knows a handful of effects however many
// extensions there are. A new effect is a deliberate change: a type here, its
// execution there, and a case in the executor's exhaustiveness test.
package action

import "dovetail/internal/message"

// Action is one effect. The set is closed: only this package can implement it.
type Action interface {
	// Name is the action's name in `dovetail sieve test` and in test_result_action.
	Name() string
	sealed()
}

// Store puts the message into a mailbox: keep, the implicit keep and fileinto
// (RFC 5228 sections 2.10.2, 4.1, 4.3).
type Store struct {
	Mailbox string           // UTF-8, with the namespace's separator; "" is the default mailbox (keep)
	Flags   []string         // IMAP flags and keywords (RFC 5232), e.g. `\Seen`, `Junk`
	Create  bool             // :create, RFC 5490
	Copy    bool             // :copy, RFC 3894: the implicit keep stays in force
	Message *message.Message // as it was when the action was asked for
}

// Redirect sends the message on (RFC 5228 section 4.2).
type Redirect struct {
	Address string // addr-spec
	Copy    bool
	Message *message.Message
	// What to ask the MTA for (RFC 6009 sections 6 and 7); empty for nothing.
	Notify string             // RCPT NOTIFY= (RFC 3461), e.g. SUCCESS,FAILURE
	Ret    string             // MAIL RET=: FULL or HDRS
	By     *message.DeliverBy // MAIL BY= (RFC 2852)
}

// Reject refuses the message with a reason (RFC 5429). Ereject asks for a
// refusal at protocol level; without it a message may be sent back.
type Reject struct {
	Reason  string
	Ereject bool
}

// Discard drops the message silently (RFC 5228 section 4.4).
type Discard struct{}

// Pipe hands the message to a program (vnd.dovecot.pipe).
type Pipe struct {
	Program string
	Args    []string
	Copy    bool
	Try     bool // a failure is no error; the implicit keep stays in force then
	Message *message.Message
}

// Notify sends a mail that tells somebody of the message (RFC 5435, RFC 5436;
// vnd.dovecot.report). It never changes what becomes of the message itself: a
// notification that fails is logged and lost.
type Notify struct {
	Method     string // what asks for it: "mailto" (enotify), "notify" (its draft), "report"
	ID         string // of the draft's :id
	Importance int    // 1 high, 2 normal, 3 low
	From       string // envelope sender; "" is the null sender
	To         []Recipient
	Message    *message.Message // without X-Sieve, Message-ID, Date, To and Cc
	Copy       *Store           // as in Respond
}

// Recipient is one whom a notification goes to.
type Recipient struct {
	Name    string // display name in UTF-8, may be empty
	Address string // addr-spec
	Cc      bool
}

func (s *Store) Name() string {
	if s.Mailbox == "" {
		return "keep"
	}
	return "store"
}
func (*Redirect) Name() string { return "redirect" }
func (*Reject) Name() string   { return "reject" }
func (*Discard) Name() string  { return "discard" }
func (*Pipe) Name() string     { return "pipe" }
func (n *Notify) Name() string {
	if n.Method == "report" {
		return "report"
	}
	return "notify"
}

func (*Store) sealed()    {}
func (*Redirect) sealed() {}
func (*Reject) sealed()   {}
func (*Discard) sealed()  {}
func (*Pipe) sealed()     {}
func (*Notify) sealed()   {}
