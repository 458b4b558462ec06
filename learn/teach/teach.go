// Package teach brings lessons from the queue to the back ends.
//
// # What is sent
//
// The last lesson about a message of a user counts; earlier ones that still wait
// are superseded and leave the queue. For each back end the ledger tells what it
// knows: a lesson that says the same is not sent (outcome "already"), one that is
// older than what was taught neither ("superseded"). Users are told apart by the
// names that the user database has for them.
//
// # Once
//
// An intent is in the ledger before a back end is asked, the result after, and a
// lesson leaves the queue only when every back end has learned or refused it. So
// after a crash at any moment each lesson is in the queue, in the ledger, or both.
// One whose intent is open is sent again, also when it is what the back end learned
// before: that is not sure any more. It changes nothing for a back end that knows its
// messages.
//
// # Slow, hostile, down
//
// Each back end has workers of its own, and each call an end. When one fails the
// back end counts as down: from time to time (Retry) one lesson is tried, and when
// that works, all go. A message that fails again and again while others do not
// comes last, and less and less often. What is older than MaxAge is given up, for
// the back ends that have not learned it: outcome "lost".
//
// # Whose word
//
// A lesson's file belongs to who gave it. Root and the own uid may speak for all
// users, others only for the user who has that uid: else the outcome is "denied".
//
// # Who gives too much
//
// Of a uid that may not speak for all, lessons of Options.Ahead bytes are taken in at a
// time; the others stay in the queue until there is room, so that nobody fills the memory,
// or keeps the lessons of others waiting behind many own ones. Nothing is lost by that.
// Who puts lessons into the queue on behalf of others asks Teacher.Admits before.
package teach

import (
	"context"
	"io"
	"time"

	"dovetail/internal/message"
	"dovetail/learn"
	"dovetail/learn/queue"
)

// Queue is where lessons come from.
type Queue interface {
	IDs() ([]string, error)
	Entry(id string) (queue.Entry, error)
	Message(id string) (learn.Lesson, *message.Message, io.Closer, error)
	Remove(ids ...string) error
}

// Log is told what happens.
type Log interface {
	Event(Event)
	// Down tells that a back end has begun to fail, Up that it works again.
	Down(backend string, err error)
	Up(backend string, after time.Duration)
	// Problem is anything else that an administrator should know.
	Problem(err error)
}

// Event is the end of a lesson, for one back end.
type Event struct {
	ID        string // in the queue
	Lesson    learn.Lesson
	Hash      learn.Hash
	MessageID string
	Backend   string // empty: for all
	Outcome   learn.Outcome
	Reason    string
	Took      time.Duration // the call that taught it, maybe with others
}

// Options say how a Teacher works. Zero values of numbers are replaced by defaults.
type Options struct {
	Queue  Queue
	Pupils []*Pupil
	// User gives a user's name as the user database has it, and the uid. Its errors
	// are mailerr's: permanent for "no such user". Nil: names are right as they are, and
	// nobody but root and UID may give lessons.
	User func(ctx context.Context, name string) (canonical string, uid uint32, err error)
	UID  uint32 // may speak for all users, as root may
	Log  Log
	Now  func() time.Time

	Interval time.Duration // how often the queue is looked at; default 1s
	Workers  int           // calls at once of one back end; default 2
	Batch    int           // most messages of a call; default 50
	Bytes    int64         // most bytes of a call, if it has more than one message; default 8M
	MaxAge   time.Duration // of a lesson; default 7 days
	Ahead    int64         // bytes of lessons of one uid that are taken in; default 64M
	Waiting  int64         // bytes of lessons of one uid from which on Admits says no; default 1G
	Grace    time.Duration // for calls under way at the end; default 5s
	Retry    Retry         // default 1s to 1min, without Rand
}

func (o *Options) fillIn() {
	def(&o.Interval, time.Second)
	def(&o.Workers, 2)
	def(&o.Batch, 50)
	def(&o.Bytes, 8<<20)
	def(&o.MaxAge, 7*24*time.Hour)
	def(&o.Ahead, 64<<20)
	def(&o.Waiting, 1<<30)
	def(&o.Grace, 5*time.Second)
	def(&o.Retry.Min, time.Second)
	def(&o.Retry.Max, time.Minute)
	if o.Retry.Rand == nil {
		o.Retry.Rand = func() float64 { return 0 }
	}
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
