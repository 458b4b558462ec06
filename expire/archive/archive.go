package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"dovetail/expire"
	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/internal/userdb/expand"
	"dovetail/maildir"
)

// Options say whose messages go where.
type Options struct {
	Place     *Place
	Vars      expand.Vars // of the user
	Separator string      // of the mailboxes' names
	Prefix    string      // of the namespace that they are in

	FS          fsx.FS        // nil: the real file system
	LockTimeout time.Duration // for an mbox file; 0: maildir.DefaultLockTimeout
	Warn        func(error)   // told of what was mended, or went wrong without harm; may be nil
}

// Bounds of what waits for a Flush. Beyond them a part is flushed earlier.
const (
	maxWaiting = 8 << 20 // bytes
	maxFiles   = 256     // files of Maildirs, which are open
)

// spoolMemory bounds the bytes of a message in memory; a larger one is in a file meanwhile.
const spoolMemory = 4 << 20

// writeAtOnce is how many bytes are written to an mbox file at a time.
const writeAtOnce = 1 << 20

// Archive takes messages in. It is used by one goroutine at a time.
type Archive struct {
	o     Options
	spool *message.Spool
	flush *fsx.Flusher
	keeps map[string]keeper // by path
	err   error             // what made a Flush fail: after that nothing more is taken in
}

// keeper is an mbox file or a Maildir.
type keeper interface {
	add(ctx context.Context, m *item) error
	// waiting gives the bytes and files that wait for a flush.
	waiting() (bytes int64, files int)
	flush(ctx context.Context) error
	close() error // gives up what waits
}

// item is a message to keep.
type item struct {
	mailbox  string
	base     string // of its file's name
	flags    []string
	received time.Time
	message  *message.Message // as stored
}

// Open makes an Archive without looking at the disk.
func Open(o Options) (*Archive, error) {
	if len(o.Separator) != 1 {
		return nil, fmt.Errorf("separator %q is not one character", o.Separator)
	}
	if o.FS == nil {
		o.FS = fsx.OS{}
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = maildir.DefaultLockTimeout
	}
	return &Archive{
		o: o, spool: message.NewSpool("", spoolMemory), keeps: map[string]keeper{}, flush: fsx.NewFlusher(fsx.DefaultGroupAbove),
	}, nil
}

// Add takes in a message. An error of opening or reading it concerns that message alone.
// After one of writing the archive is broken: Add and Flush give it from then on.
func (a *Archive) Add(ctx context.Context, m *expire.Match, open func() (io.ReadCloser, error)) error {
	if a.err != nil {
		return a.err
	}
	in, err := open()
	if err != nil {
		return err
	}
	err = a.read(stoppable{ctx, in})
	if closeErr := in.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("reading %s: %w", m.Path(), err))
	}
	it, err := a.item(m)
	if err != nil {
		return err
	}
	return a.fail(a.keep(ctx, it))
}

// read takes a message into the spool.
func (a *Archive) read(in io.Reader) error {
	if err := a.spool.Reset(); err != nil {
		return err
	}
	if a.o.Place.kind == maildirs {
		_, err := io.Copy(a.spool, in)
		return err
	}
	w := message.NewLFWriter(a.spool)
	_, err := io.Copy(w, in)
	return errors.Join(err, w.Flush())
}

func (a *Archive) item(m *expire.Match) (*item, error) {
	it := &item{mailbox: m.Mailbox(), base: m.Base(), flags: m.Flags()}
	if m.Status != nil {
		it.received = m.Status.Received
	} else {
		info, err := a.o.FS.Lstat(m.Path())
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s", mailstore.ErrNoMessage, m.Path())
		}
		if err != nil {
			return nil, mailerr.FromErrno(fmt.Errorf("looking at %s: %w", m.Path(), err))
		}
		it.received = info.ModTime()
	}
	var err error
	if it.message, err = a.spool.Message(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", m.Path(), err)
	}
	return it, nil
}

func (a *Archive) keep(ctx context.Context, it *item) error {
	k, err := a.keeper(it)
	if err != nil {
		return err
	}
	if err := k.add(ctx, it); err != nil {
		return err
	}
	bytes, files := int64(0), 0
	for _, k := range a.keeps {
		b, f := k.waiting()
		bytes, files = bytes+b, files+f
	}
	if bytes > maxWaiting || files > maxFiles {
		return a.flushAll(ctx)
	}
	return nil
}

func (a *Archive) keeper(it *item) (keeper, error) {
	where, err := a.o.Place.expand(a.o.Vars, a.o.Separator, it.mailbox, it.received.Local().Year())
	if err != nil {
		return nil, fmt.Errorf("archive of mailbox %s: %w", it.mailbox, err)
	}
	if k := a.keeps[where]; k != nil {
		return k, nil
	}
	var k keeper
	if a.o.Place.kind == mboxFile {
		k = &mboxKeeper{o: &a.o, path: where, text: message.NewSpool("", 2*maxWaiting)}
	} else if k, err = a.newMaildir(where); err != nil {
		return nil, err
	}
	a.keeps[where] = k
	return k, nil
}

// Flush makes what was added survive a crash.
func (a *Archive) Flush(ctx context.Context) error {
	if a.err != nil {
		return a.err
	}
	return a.fail(a.flushAll(ctx))
}

func (a *Archive) flushAll(ctx context.Context) error {
	for _, k := range a.keeps {
		if err := k.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fail notes an error. What was added before it may not be in the archive.
func (a *Archive) fail(err error) error {
	if err != nil {
		a.err = fmt.Errorf("archive %s: %w", a.o.Place, err)
	}
	return a.err
}

// Close gives up what was not flushed.
func (a *Archive) Close() error {
	errs := []error{a.spool.Close()}
	for _, k := range a.keeps {
		errs = append(errs, k.close())
	}
	return errors.Join(errs...)
}

func (o *Options) warn(err error) {
	if o.Warn != nil {
		o.Warn(err)
	}
}

// stoppable is a reader that ends with its context: a file that takes no room on disk may
// take hours to read.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// digest is a short form of SHA-256: equal ones are of the same bytes.
type digest [16]byte

func sumOf(ctx context.Context, r io.Reader) (d digest, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, stoppable{ctx, r}); err != nil {
		return d, err
	}
	copy(d[:], h.Sum(nil))
	return d, nil
}
