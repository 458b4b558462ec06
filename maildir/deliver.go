package maildir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

// Prepare writes the message into the folder's tmp directory; see mailstore.Store.
func (s *Store) Prepare(ctx context.Context, m *message.Message, d mailstore.Delivery) (mailstore.Pending, error) {
	f, err := s.folder(d.Mailbox)
	if err != nil {
		return nil, err
	}
	if err := s.checkQuota(ctx, f, m.Size()); err != nil {
		return nil, err
	}
	p := &pending{store: s, folder: f, create: d.Create, size: m.Size(), received: d.Received}
	if p.received.IsZero() {
		p.received = s.now()
	}
	if err := s.prepareFolder(ctx, p, d); err != nil {
		return nil, err
	}
	letters, err := s.letters(ctx, f, p.perm, d.Flags)
	if err != nil {
		return nil, err
	}
	p.info = infoOf(letters)
	if shared, ok := d.Share.(*pending); ok && p.link(shared, m) {
		return p, nil
	}
	s.cleanTmp(f)
	if err := p.write(m); err != nil {
		return nil, fmt.Errorf("writing a message for mailbox %s: %w", f.name, err)
	}
	return p, nil
}

// prepareFolder finds the permissions of the folder, which is made where that is
// wanted, and subscribed to then.
func (s *Store) prepareFolder(ctx context.Context, p *pending, d mailstore.Delivery) error {
	f := p.folder
	info, err := s.fs.Stat(f.dir)
	if err == nil {
		p.perm = permissionsOf(info)
		if s.loc.Layout == MaildirPlusPlus {
			return nil
		}
		// In layout fs a directory may be there for the folders below it only.
		if ok, err := s.isFolder(f); ok || err != nil {
			return err
		}
	}
	if err != nil && !isMissing(err) {
		return mailerr.FromErrno(fmt.Errorf("opening mailbox %s: %w", f.name, err))
	}
	if !d.Create && !f.isInbox() {
		return fmt.Errorf("%w: %s", mailstore.ErrNoMailbox, f.name)
	}
	if err := s.makeFolder(p); err != nil {
		if isNotDir(err) {
			return fmt.Errorf("%w: %q: a file is in its place", mailstore.ErrBadName, f.name)
		}
		return fmt.Errorf("making mailbox %s: %w", f.name, err)
	}
	if d.Subscribe && !f.isInbox() {
		if err := s.subscribe(ctx, f); err != nil {
			s.warn(fmt.Errorf("subscribing to %s: %w", f.name, err))
		}
	}
	return nil
}

// newName gives the message a name; tmp is where it is written.
func (p *pending) newName(m *message.Message) (string, error) {
	host := p.store.hostname
	if host == "" {
		var err error
		if host, err = p.store.cache.host(); err != nil {
			return "", fmt.Errorf("asking for the host's name: %w", err)
		}
	}
	unique := uniqueName(p.store.now(), p.store.pid, host)
	return fmt.Sprintf("%s,S=%d,W=%d", unique, m.Size(), m.VirtualSize()), nil
}

// maxTries bounds what is tried again: names that are taken, directories made in vain.
const maxTries = 5

// write makes the message's file in tmp. On error nothing of it is left.
func (p *pending) write(m *message.Message) error {
	if err := p.open(m); err != nil {
		return err
	}
	s := p.store
	err := s.copyTo(p.file, m)
	if err == nil && absolute(s.now().Sub(p.received)) > time.Second {
		err = s.fs.Chtimes(p.path, p.received, p.received)
	}
	if err != nil {
		return mailerr.FromErrno(errors.Join(err, p.file.Close(), s.fs.Remove(p.path)))
	}
	return nil
}

// open makes the file in tmp, and tmp where it is missing.
func (p *pending) open(m *message.Message) error {
	for try := 1; ; try++ {
		base, err := p.newName(m)
		if err != nil {
			return mailerr.FromErrno(err)
		}
		p.base, p.path = base, p.folder.dir+"/tmp/"+base
		p.file, err = p.store.create(p.path, p.perm)
		switch {
		case err == nil:
			p.sharing = &sharing{dirs: map[string]bool{p.folder.dir: true}}
			return nil
		case try == maxTries:
			return mailerr.FromErrno(err)
		case errors.Is(err, fs.ErrNotExist):
			if err := p.repairFolder(); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrExist):
			return mailerr.FromErrno(err)
		}
	}
}

func absolute(d time.Duration) time.Duration { return max(d, -d) }

// copyTo writes a message, a small one at once. A message that is not as long as
// it says is an error: its name would lie.
func (s *Store) copyTo(f fsx.File, m *message.Message) error {
	buf, ok := s.cache.buffers.Get().(*[bufferSize]byte)
	if !ok {
		return errors.New("no buffer") // cannot be: New makes one
	}
	defer s.cache.buffers.Put(buf)
	r := m.Open()
	var written int64
	for {
		n, err := io.ReadFull(r, buf[:])
		if n > 0 {
			if _, err := f.Write(buf[:n]); err != nil {
				return err
			}
			written += int64(n)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			if written != m.Size() {
				return fmt.Errorf("the message has %d bytes and should have %d", written, m.Size())
			}
			return nil
		default:
			return fmt.Errorf("reading the message: %w", err)
		}
	}
}

// sharing is what deliveries with one file know in common: the folders that have
// a file of the common name.
type sharing struct {
	mu   sync.Mutex
	dirs map[string]bool
}

// take tells whether dir had no file of the common name, which it has from now on.
func (sh *sharing) take(dir string) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	had := sh.dirs[dir]
	sh.dirs[dir] = true
	return !had
}

// link makes the file of another delivery serve this one too, under the same name
// where the folder has it not yet. It is false when that cannot be, and then
// nothing was done.
func (p *pending) link(other *pending, m *message.Message) bool {
	if other.state == ended || other.perm.dev != p.perm.dev || other.perm.eff != p.perm.eff ||
		other.perm.fileMode() != p.perm.fileMode() || other.size != p.size || !other.received.Equal(p.received) {
		return false
	}
	p.base = other.base
	if !other.sharing.take(p.folder.dir) {
		var err error
		if p.base, err = p.newName(m); err != nil {
			return false
		}
	}
	p.path = p.folder.dir + "/tmp/" + p.base
	if err := p.store.fs.Link(other.path, p.path); err != nil {
		return false
	}
	p.sharing = other.sharing
	return true
}
