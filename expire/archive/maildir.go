package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
	"dovetail/maildir"
)

// maildirKeeper keeps messages in a Maildir.
type maildirKeeper struct {
	o     *Options
	sync  *fsx.Flusher
	store *maildir.Store
	batch []waiting
	known map[string]map[uint64]bool // by folder: hashes of the base names that it has
	seed  maphash.Seed
}

// waiting is a message in tmp.
type waiting struct {
	mailbox string
	base    string // the name that it has in the user's mailbox
	sum     digest
	pending mailstore.Pending
}

func (a *Archive) newMaildir(where string) (*maildirKeeper, error) {
	location, err := maildir.ParseLocation(string(maildirs) + ":" + where)
	if err != nil {
		return nil, err
	}
	k := &maildirKeeper{o: &a.o, sync: a.flush, known: map[string]map[uint64]bool{}, seed: maphash.MakeSeed()}
	k.store, err = maildir.Open(maildir.Options{
		Location: location, Home: a.o.Vars.Home, Separator: a.o.Separator, Prefix: a.o.Prefix,
		FS: a.o.FS, LockTimeout: a.o.LockTimeout, Warn: a.o.Warn,
	})
	return k, err
}

func (k *maildirKeeper) add(ctx context.Context, m *item) error {
	folder := m.mailbox
	if k.o.Place.boxed {
		folder = mailstore.Inbox
	}
	sum, err := sumOf(ctx, m.message.Open())
	if err != nil {
		return err
	}
	p, err := k.store.Prepare(ctx, m.message, mailstore.Delivery{Mailbox: folder, Flags: m.flags, Create: true, Received: m.received})
	if errors.Is(err, mailstore.ErrBadName) {
		return fmt.Errorf("%w (LAYOUT=fs has folders of other names)", err)
	}
	if err != nil {
		return err
	}
	k.batch = append(k.batch, waiting{folder, m.base, sum, p})
	return nil
}

func (k *maildirKeeper) waiting() (bytes int64, files int) { return 0, len(k.batch) }

func (k *maildirKeeper) flush(ctx context.Context) error {
	if err := k.sync.Flush(ctx, unsynced(k.batch)); err != nil {
		return err
	}
	var fresh []waiting
	for _, w := range k.batch {
		// Another message may have had the name; then this one has one of its own.
		for _, base := range []string{w.base, otherBase(w)} {
			there, err := k.there(ctx, w, base)
			if err != nil {
				return err
			}
			if there == same {
				break // and it goes from tmp at the end
			}
			if there == other {
				continue
			}
			k.store.SetBase(w.pending, base)
			if err := w.pending.Publish(); err != nil {
				return err
			}
			k.known[w.mailbox][k.hash(base)] = true
			fresh = append(fresh, w)
			break
		}
	}
	if err := k.sync.Flush(ctx, unsynced(fresh)); err != nil {
		return err
	}
	return k.close()
}

// otherBase gives the name of a message whose own is another one's: it is the same each
// time. What the name tells of sizes stays.
func otherBase(w waiting) string {
	_, sizes, ok := strings.Cut(w.base, ",")
	if !ok {
		return hex.EncodeToString(w.sum[:])
	}
	return hex.EncodeToString(w.sum[:]) + "," + sizes
}

// presence tells what a folder has under a name.
type presence int

const (
	nothing presence = iota
	same             // the same message
	other            // another message
)

// there looks for a name. Names are read once for each folder; what comes up then is
// looked for on disk, and compared.
func (k *maildirKeeper) there(ctx context.Context, w waiting, base string) (presence, error) {
	if k.known[w.mailbox] == nil {
		known := map[uint64]bool{}
		if err := k.each(ctx, w.mailbox, func(n maildir.Name) { known[k.hash(n.Base)] = true }); err != nil {
			return nothing, err
		}
		k.known[w.mailbox] = known
	}
	if !k.known[w.mailbox][k.hash(base)] {
		return nothing, nil
	}
	file := ""
	err := k.each(ctx, w.mailbox, func(n maildir.Name) {
		if n.Base == base {
			file = n.Path
		}
	})
	if err != nil || file == "" {
		return nothing, err
	}
	// A run that was killed may not have flushed the directory.
	if err := fsx.SyncDir(k.o.FS, path.Dir(file)); err != nil {
		return nothing, err
	}
	f, _, err := fsx.OpenRegular(k.o.FS, file, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, fsx.ErrIrregular) {
		return other, nil
	}
	if err != nil {
		return nothing, err
	}
	defer f.Close() // nothing was written
	sum, err := sumOf(ctx, f)
	if err != nil || sum != w.sum {
		return other, err
	}
	return same, nil
}

func (k *maildirKeeper) hash(base string) uint64 { return maphash.String(k.seed, base) }

// each gives the names that a folder has.
func (k *maildirKeeper) each(ctx context.Context, folder string, f func(maildir.Name)) error {
	g, err := k.store.Glance(folder)
	if err != nil {
		return err
	}
	for name, err := range g.Names(ctx) {
		if err != nil {
			return err
		}
		f(name)
	}
	return nil
}

// unsynced gives what has to be flushed, each directory once.
func unsynced(batch []waiting) (files []fsx.File) {
	names := map[string]bool{}
	for _, w := range batch {
		for _, f := range w.pending.Unsynced() {
			if !names[f.Name()] {
				names[f.Name()] = true
				files = append(files, f)
			}
		}
	}
	return files
}

func (k *maildirKeeper) close() error {
	var errs []error
	for _, w := range k.batch {
		errs = append(errs, w.pending.Close()) // takes back what is not published
	}
	k.batch = nil
	return errors.Join(errs...)
}
