package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// Bounds of an expunge of many messages.
const (
	// RemoveAtOnce is how many are removed with one lock, so that others come to their turn.
	RemoveAtOnce = 4096
	countAtOnce  = 256 // in one line of maildirsize, after a look whether the lock is still ours
	checkEvery   = 64  // moves from one look at the lock to the next
	removers     = 4   // goroutines: a disk that is told of each free block lets one wait
)

// Removal is a message to remove, as it was when it was chosen.
type Removal struct {
	Path  string               // and with it the flags
	Size  int64                // bytes as stored
	Check func() (bool, error) // whether it may go; nil: it may
}

// Remover removes messages of one mailbox, part by part.
type Remover struct {
	// Act calls a function with the rights that the methods are called with, in a
	// goroutine of its own; see fsx.Credentials.Do. Where it is set, several remove.
	Act func(func() error) error

	store   *Store
	mailbox string
	changed map[string]bool
}

// Remover makes one, which is to be closed.
func (s *Store) Remover(mailbox string) *Remover {
	return &Remover{store: s, mailbox: mailbox, changed: map[string]bool{}}
}

// Remove removes those messages that still have the names by which they were chosen,
// and so the flags, and pass their check, where they have one. The others stay: somebody
// has changed, moved or removed them since. Done is told of each that is gone now.
// An error ends it; what is removed up to then stays so.
func (r *Remover) Remove(ctx context.Context, all []Removal, done func(i int)) error {
	for from := 0; from < len(all); from += RemoveAtOnce {
		part := all[from:min(from+RemoveAtOnce, len(all))]
		err := r.store.edit(ctx, r.mailbox, r.changed, func(e *editor) error {
			e.act = r.Act
			return e.remove(ctx, part, func(i int) { done(from + i) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Close makes the removals durable.
func (r *Remover) Close() error { return r.store.syncDirs(r.changed) }

// Remove removes messages as a Remover does.
func (s *Store) Remove(ctx context.Context, mailbox string, all []Removal, done func(i int)) error {
	r := s.Remover(mailbox)
	return errors.Join(r.Remove(ctx, all, done), r.Close())
}

// RemoveChosen is Remove of what choose gives, which is called while nobody else can
// remove messages or give UIDs to them.
func (s *Store) RemoveChosen(ctx context.Context, mailbox string, choose func() ([]Removal, error), done func(i int)) error {
	return s.Edit(ctx, mailbox, func(e mailstore.Editor) error {
		all, err := choose()
		if err != nil {
			return err
		}
		return e.(*editor).remove(ctx, all, done)
	})
}

func (e *editor) remove(ctx context.Context, all []Removal, done func(i int)) error {
	if e.lock.after {
		e.store.forgetMaildirsize() // what the dead one removed last is still counted in it
	}
	// Open all the while, so that no other file gets its inode.
	file, counted, _ := fsx.OpenRegular(e.store.fs, e.store.maildirsizePath(), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if file != nil {
		defer file.Close() // nothing was written
	}
	for from := 0; from < len(all); from += countAtOnce {
		// A removal by name is safe without the lock.
		if err := e.lock.check(); err != nil {
			return err
		}
		part := all[from:min(from+countAtOnce, len(all))]
		removed, err := e.removePart(ctx, part)
		var gone amount
		for i, r := range part {
			if removed[i] {
				done(from + i)
				e.changed[path.Dir(r.Path)] = true
				gone.bytes += r.Size
				gone.count++
			}
		}
		e.store.uncount(e.folder, gone, counted)
		if err != nil {
			return err
		}
	}
	return nil
}

// removePart tells which messages it has removed.
func (e *editor) removePart(ctx context.Context, part []Removal) ([]bool, error) {
	removed := make([]bool, len(part))
	each := func(from, step int) error {
		for i := from; i < len(part); i += step {
			err := ctx.Err()
			if err != nil {
				return err
			}
			if removed[i], err = e.removeOne(part[i]); err != nil {
				return mailerr.FromErrno(fmt.Errorf("expunging %s: %w", part[i].Path, err))
			}
		}
		return nil
	}
	if e.act == nil || len(part) < countAtOnce {
		return removed, each(0, 1)
	}
	var g errgroup.Group
	for i := range removers {
		g.Go(func() error { return e.act(func() error { return each(i, removers) }) })
	}
	return removed, g.Wait()
}

func (e *editor) removeOne(r Removal) (bool, error) {
	dir, _ := path.Split(r.Path)
	if dir != e.folder.dir+"/new/" && dir != e.folder.dir+"/cur/" {
		return false, fmt.Errorf("not a message of %s", e.folder.name)
	}
	if r.Check != nil {
		if ok, err := r.Check(); !ok || err != nil {
			return false, err
		}
	}
	err := e.store.fs.Remove(r.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if errors.Is(err, unix.ENOTEMPTY) { // it keeps no message from being removed
		e.store.warn(fmt.Errorf("a directory with the name of a message stays: %s", r.Path))
		return false, nil
	}
	return err == nil, err
}

// uncount takes messages off what maildirsize says. It is removed, to be counted anew,
// where no quota is configured here, so that it is Dovecot's alone; and where it is
// another file than before: who made it anew may have counted what was just removed.
// Before is nil where there was none that could be opened.
func (s *Store) uncount(f folder, gone amount, before fs.FileInfo) {
	if gone.count == 0 {
		return
	}
	now, err := s.fs.Lstat(s.maildirsizePath())
	if s.quota == nil || err == nil && (before == nil || !os.SameFile(before, now)) {
		s.forgetMaildirsize()
		return
	}
	s.countMessage(f, -gone.bytes, -int(gone.count))
}
