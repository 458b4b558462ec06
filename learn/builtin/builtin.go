// Package builtin is dovetail's own spam classifier: a naive Bayes filter after
// Robinson and Fisher that keeps what it learned in one file of SQLite. How it does
// beside bogofilter is in docs/performance.md.
//
// # What it looks at
//
// Of a message it takes tokens, each once: the words of the texts (transfer
// encodings and charsets undone, HTML as the text that it shows), those of header
// fields with the field's name before them, addresses and hosts with the domains
// they are in, links, tags and what hides text in HTML, and the structure: content
// types, charsets, file names, the magnitudes of size and number of parts. What
// delivery and filters add does not count. A token is kept as a hash of 64 bits;
// tokens.go has the bounds of what is read of one message.
//
// # Users and the site
//
// Each lesson counts for its user and for the site; a lesson of the empty user
// counts for the site alone. A message is judged by both: the site's counts are
// shrunk so that they are worth at most 100 messages of each class, then the
// user's own are added. So a new user has the site's judgement, one with a
// hundred lessons the mean of both, and one with a thousand nearly the own.
//
// Nothing is scored until the site knows Options.MinLessons messages of both
// classes.
//
// # Once
//
// The file remembers each lesson by the hash of its message, with the class and
// the tokens. The same lesson again changes nothing; one with the other class
// takes back exactly what the earlier one added, and then is learned. A call of
// Learn is one transaction that is on disk when it returns, so a crash leaves all
// of it or nothing, and whoever asks again teaches nothing twice.
//
// # Forgetting
//
// Spam changes. Sweep takes back lessons older than Options.Lifetime, exactly as
// they were added, but leaves the newest 500 of each class of each user, so that
// who teaches seldom keeps what was taught; and of more than 20,000 the oldest go
// whatever their age. The counts are always those of the lessons remembered.
//
// # The file
//
// It is in WAL mode (NAME-wal and NAME-shm stand beside it), has mode 0600, and is
// shared by the processes of one machine: one that writes and any number that
// read, who do not wait for it. It must not lie on a network file system. It takes
// some 3 KiB for each lesson, and 20 bytes for each token and user. A process that
// judges many messages keeps vocabularies in memory: some 20 MiB at most.
package builtin

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"dovetail/internal/message"
	"dovetail/learn"
)

// Options are the settings of a Classifier. The zero value of a number is its default.
type Options struct {
	Path       string
	MinLessons int           // of each class before anything is scored; default 50
	Spam       float64       // scores from here on are spam; default 0.99
	Ham        float64       // scores up to here are ham; default 0.1
	Lifetime   time.Duration // of lessons, see Sweep; default one year
	Now        func() time.Time
}

// The defaults of Options.
const (
	DefaultMinLessons = 50
	DefaultSpam       = 0.99
	DefaultHam        = 0.1
	DefaultLifetime   = 52 * 7 * 24 * time.Hour
)

// Classifier learns and judges. It is safe for concurrent use.
type Classifier struct {
	store  *store
	memory *memory
	o      Options
}

// Open gives a Classifier. Its file is opened, or made, at its first use: an error
// of the file is one of that use.
func Open(o Options) (*Classifier, error) {
	o.MinLessons = cmp.Or(o.MinLessons, DefaultMinLessons)
	o.Spam = cmp.Or(o.Spam, DefaultSpam)
	o.Ham = cmp.Or(o.Ham, DefaultHam)
	o.Lifetime = cmp.Or(o.Lifetime, DefaultLifetime)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Ham < 0 || o.Ham >= o.Spam || o.Spam > 1 {
		return nil, fmt.Errorf("builtin classifier: scores up to %g are to be ham and from %g on spam", o.Ham, o.Spam)
	}
	s, err := newStore(o.Path)
	if err != nil {
		return nil, err
	}
	return &Classifier{store: s, memory: newMemory(s), o: o}, nil
}

// Close closes the file.
func (c *Classifier) Close() error {
	c.memory.close()
	return c.store.db.Close()
}

// Name is learn.Backend's.
func (c *Classifier) Name() string { return "builtin" }

// Unsure is the class of a message that is neither surely spam nor surely ham.
const Unsure learn.Class = "unsure"

// Verdict is what a message was found to be.
type Verdict struct {
	Score float64     // from 0, ham, to 1, spam
	Class learn.Class // learn.Spam, learn.Ham or Unsure; learn.None: there are too few lessons to tell

	found *found
	spam  []float64 // of each token
}

// Classify judges a message for a user, whether or not that one has taught anything.
func (c *Classifier) Classify(ctx context.Context, user string, m *message.Message) (Verdict, error) {
	f, err := tokensOf(m)
	if err != nil {
		return Verdict{}, fmt.Errorf("builtin classifier: %w", err)
	}
	return c.judge(ctx, user, f)
}

// judge judges by the tokens of a message.
func (c *Classifier) judge(ctx context.Context, user string, f *found) (Verdict, error) {
	if err := c.store.ready(ctx); err != nil {
		return Verdict{}, fmt.Errorf("builtin classifier: %w", err)
	}
	failed := func(err error) (Verdict, error) {
		return Verdict{}, fmt.Errorf("builtin classifier: reading %s: %w", c.store.path, err)
	}
	k, err := c.store.known(ctx, user)
	if err != nil {
		return failed(err)
	}
	if least := int64(c.o.MinLessons); k.site.spam < least || k.site.ham < least {
		return Verdict{}, nil
	}
	site, err := c.memory.lookUp(ctx, siteID, k.site, k.siteChanges, f.tokens)
	if err != nil {
		return failed(err)
	}
	own := make([]counts, len(f.tokens))
	if k.ownID != siteID {
		if own, err = c.memory.lookUp(ctx, k.ownID, k.own, k.ownChanges, f.tokens); err != nil {
			return failed(err)
		}
	}
	v := Verdict{Class: Unsure, found: f, spam: make([]float64, len(f.tokens))}
	for i := range f.tokens {
		v.spam[i] = k.probability(site[i], own[i])
	}
	switch v.Score = combine(strongest(v.spam)); {
	case v.Score >= c.o.Spam:
		v.Class = learn.Spam
	case v.Score <= c.o.Ham:
		v.Class = learn.Ham
	}
	return v, nil
}
