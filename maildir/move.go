package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// Target is the mailbox that messages are moved to.
type Target struct {
	Mailbox   string
	Create    bool // make it where it is missing
	Subscribe bool // subscribe to it when it was made
}

// Move moves those messages that still have the names by which they were chosen, and so
// the flags, and pass their check, where they have one. The others stay: somebody has
// changed, moved or removed them since. Flags, keywords and the received date are kept;
// a keyword beyond the 26 of a mailbox is lost, and Warn told. Done is told of each that
// is in the other mailbox to stay. After an error each of the others is in one of the two.
//
// A message is renamed, and keeps the first part of its name (so does Dovecot) unless the
// other mailbox knows that already. Where the two are on different file systems, or give
// their files different owners or modes, it is copied and then removed; one that a
// crash left in both goes from the first when it is moved again. maildirsize keeps its sum,
// unless a quota is configured that is for one of the two only.
func (s *Store) Move(ctx context.Context, from string, chosen []Removal, to Target, done func(i int)) error {
	if len(chosen) == 0 {
		return nil
	}
	m := &mover{store: s, infos: map[string]string{}}
	if err := m.open(ctx, from, to); err != nil {
		return err
	}
	if err := m.look(chosen); err != nil {
		return err
	}
	for first := 0; first < len(chosen); first += RemoveAtOnce {
		part := chosen[first:min(first+RemoveAtOnce, len(chosen))]
		if err := m.translate(ctx, part); err != nil {
			return err
		}
		err := s.Edit(ctx, from, func(e mailstore.Editor) error {
			return m.move(ctx, e.(*editor), part, func(i int) { done(first + i) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// mover moves messages from one mailbox to another.
type mover struct {
	store    *Store
	from, to folder
	perm     permissions // of the target
	sameKind bool        // both give their files the same owner and mode, on one file system
	recount  bool        // the quota is for one of the two only
	entering bool        // that is the target
	// taken are the chosen messages by their base names, true where the target knows the name.
	taken map[string]bool
	infos map[string]string // letters in the one to the end of a name in the other
}

// open finds the two folders, and makes the target.
func (m *mover) open(ctx context.Context, from string, to Target) (err error) {
	s := m.store
	if m.from, err = s.folder(from); err != nil {
		return err
	}
	if m.to, err = s.folder(to.Mailbox); err != nil {
		return err
	}
	if m.from.dir == m.to.dir {
		return fmt.Errorf("moving from %s into itself", m.from.name)
	}
	info, err := s.fs.Stat(m.from.dir)
	if isMissing(err) {
		return fmt.Errorf("%w: %s", mailstore.ErrNoMailbox, m.from.name)
	}
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("opening mailbox %s: %w", m.from.name, err))
	}
	p := &pending{store: s, folder: m.to}
	if err := s.prepareFolder(ctx, p, mailstore.Delivery{Mailbox: to.Mailbox, Create: to.Create, Subscribe: to.Subscribe}); err != nil {
		return err
	}
	if err := s.makeParts(p); err != nil { // a part may be missing where the folder is there
		return err
	}
	slices.Sort(p.changed)
	for _, dir := range slices.Compact(p.changed) {
		if err := fsx.SyncDir(s.fs, dir); err != nil {
			return mailerr.FromErrno(fmt.Errorf("making mailbox %s: %w", m.to.name, err))
		}
	}
	source := permissionsOf(info)
	m.perm = p.perm
	m.sameKind = source.dev == p.perm.dev && source.eff == p.perm.eff && source.fileMode() == p.perm.fileMode()
	if s.quota != nil {
		out, in := s.quota.rule(m.from.name).ignore, s.quota.rule(m.to.name).ignore
		m.recount, m.entering = out != in, out && !in
	}
	return nil
}

// look finds out which of the messages' names the target knows: those of its files, and
// those in its uidlist, under which Dovecot may have expunged a message.
func (m *mover) look(chosen []Removal) error {
	m.taken = make(map[string]bool, len(chosen))
	for _, r := range chosen {
		m.taken[parseFileName(path.Base(r.Path)).base] = false
	}
	note := func(base string) {
		if _, ok := m.taken[base]; ok {
			m.taken[base] = true
		}
	}
	for _, part := range readParts {
		err := m.store.eachName(m.to, part, func(name []byte) { note(parseFileName(string(name)).base) })
		if err != nil {
			return err
		}
	}
	_, err := m.store.readUIDs(m.to, func(base string, _ uidRecord) { note(base) })
	return err
}

// translate finds the letters that the target has for those of the messages. It locks
// the target where that needs a keyword more, and so comes before the other lock.
func (m *mover) translate(ctx context.Context, part []Removal) error {
	fresh := map[string]bool{}
	for _, r := range part {
		letters := parseFileName(path.Base(r.Path)).letters
		if _, ok := m.infos[letters]; !ok {
			fresh[letters] = true
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	table, _, err := m.store.keywords(m.from)
	if err != nil {
		return err
	}
	for _, letters := range slices.Sorted(maps.Keys(fresh)) {
		theirs, err := m.store.letters(ctx, m.to, m.perm, flags(letters, table))
		if err != nil {
			return err
		}
		m.infos[letters] = infoOf(theirs)
	}
	return nil
}

// move moves a part of the messages, and flushes the directories.
func (m *mover) move(ctx context.Context, e *editor, part []Removal, done func(i int)) error {
	var moved []int
	changed := map[string]bool{}
	err := func() error {
		for i, r := range part {
			if err := ctx.Err(); err != nil {
				return err
			}
			if i%checkEvery == 0 {
				if err := e.lock.check(); err != nil {
					return err
				}
			}
			ok, err := m.moveOne(ctx, e, r, changed)
			if err != nil {
				return mailerr.FromErrno(fmt.Errorf("moving %s to %s: %w", r.Path, m.to.name, err))
			}
			if ok {
				moved = append(moved, i)
			}
		}
		return nil
	}()
	// First where they are now, then where they were.
	for _, dirs := range []map[string]bool{changed, e.changed} {
		for dir := range dirs {
			if syncErr := fsx.SyncDir(m.store.fs, dir); syncErr != nil {
				return errors.Join(err, mailerr.FromErrno(syncErr))
			}
		}
	}
	clear(e.changed)
	for _, i := range moved {
		done(i)
	}
	return err
}

// moveOne moves one message, and notes the directories that it changes.
func (m *mover) moveOne(ctx context.Context, e *editor, r Removal, changed map[string]bool) (moved bool, err error) {
	dir, file := path.Split(r.Path)
	if dir != m.from.dir+"/new/" && dir != m.from.dir+"/cur/" {
		return false, fmt.Errorf("not a message of %s", m.from.name)
	}
	if r.Check != nil {
		if ok, err := r.Check(); !ok || err != nil {
			return false, err
		}
	}
	s := m.store
	info, err := s.fs.Lstat(r.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fsx.ErrIrregular
	}
	if err != nil {
		return false, err
	}
	size := parseFileName(file).size()
	if size < 0 {
		size = info.Size()
	}
	if m.entering {
		if err := s.checkQuota(ctx, m.to, size); err != nil {
			return false, err
		}
	}
	t := m.newTransfer(r.Path, info)
	if moved, err = t.carry(); !moved {
		return false, err
	}
	changed[path.Dir(t.to)] = true
	e.changed[path.Dir(r.Path)] = true
	if m.recount {
		s.countMessage(m.from, -size, -1)
		s.countMessage(m.to, size, 1)
	}
	return true, nil
}
