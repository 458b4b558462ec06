package engine

import (
	"context"
	"errors"
	"io"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// Env is what a run knows of the world outside the message. It is read only.
type Env struct {
	Envelope   *message.Envelope // nil where there is none (imapsieve)
	User       string            // the mail user's name
	UserEmail  string            // sieve_user_email: the user's own address, "" when unknown
	Postmaster string            // postmaster_address, "" when unknown
	Home       string            // the user's home directory
	Flags      []string          // of the message: as it is stored, or as earlier scripts set them
	Mailboxes  Mailboxes         // nil: nothing is known of mailboxes
	Programs   Programs          // nil: no program can be run
	Scripts    Scripts           // for includes that are known at run time alone; nil: there are none
	Seen       Seen              // nil: nothing is remembered
	Metadata   Metadata          // nil: there are no annotations
	// SpecialUse gives the special uses of mailboxes (RFC 6154), e.g. `\Junk`, by their names.
	SpecialUse map[string][]string
	// Items are environment items by name, in lower case ("location", "phase",
	// "remote-host", "imap.user", "vnd.dovecot.config.x", …).
	Items map[string]string
	Now   func() time.Time // time.Now when nil
	// Trace gets an Event for each test and command as it runs; nil for none.
	Trace func(Event)
}

// Mailboxes tells about the user's mailboxes. Names are UTF-8 with the
// namespace's separator.
type Mailboxes interface {
	Exists(ctx context.Context, name string) (bool, error)
}

// MailboxIDs is a Mailboxes that knows mailboxes by their ids (RFC 8474).
type MailboxIDs interface {
	// MailboxByID gives the name of a mailbox, "" when none has the id.
	MailboxByID(ctx context.Context, id string) (name string, err error)
}

// Metadata reads annotations (RFC 5464).
type Metadata interface {
	// Annotation gives the value of an annotation, named in lower case, of a mailbox
	// that exists, or of the server for the empty name; false when there is none.
	Annotation(ctx context.Context, mailbox, name string) (value string, ok bool, err error)
}

// ProgramKind tells which command asks for a program; each kind has its own directory.
type ProgramKind string

// The kinds of programs.
const (
	ProgramPipe    ProgramKind = "pipe"
	ProgramFilter  ProgramKind = "filter"
	ProgramExecute ProgramKind = "execute"
)

// ProgramCall asks for a program to be run.
type ProgramCall struct {
	Kind   ProgramKind
	Name   string // as in the script, no path
	Args   []string
	Stdin  io.Reader // nil: empty
	Output bool      // its standard output is wanted
}

// ErrNoProgram says that there is no program of that name for that kind.
var ErrNoProgram = errors.New("program not found")

// Programs runs the programs of vnd.dovecot.filter and vnd.dovecot.execute. An
// exit status above 0 is no error; a program that cannot be started, is killed
// or runs out of time is.
type Programs interface {
	Run(ctx context.Context, call ProgramCall) (output []byte, exit int, err error)
}

// Event is one step of a run, for `dovetail sieve test --trace` and explain.
type Event struct {
	Script string
	Pos    Pos
	Kind   EventKind
	Name   string        // of the command or test
	Value  string        // EventMatch: what was compared
	Key    string        // EventMatch: with what
	Match  string        // EventMatch: how, e.g. ":is i;ascii-casemap"
	Result bool          // EventMatch, EventTest: the outcome
	Text   string        // EventEdit: what was changed
	Action action.Action // EventAction: what is asked for
}

// EventKind tells what an Event is about.
type EventKind int

// The kinds of events.
const (
	EventCommand EventKind = iota // a command is about to run
	EventMatch                    // a value was compared with a key
	EventTest                     // a test has its result
	EventAction                   // an action joined the result
	EventEdit                     // the message was changed
)
