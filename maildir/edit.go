package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// Edit calls f while it holds dovecot-uidlist.lock, without which nothing may be
// renamed or removed in cur. dovecot-uidlist itself stays: Dovecot finds out alone
// what is gone, by the modification time of the directory. The error is ErrNoMailbox
// also when the mailbox vanishes meanwhile.
func (s *Store) Edit(ctx context.Context, mailbox string, f func(mailstore.Editor) error) error {
	changed := map[string]bool{}
	return s.edit(ctx, mailbox, changed, func(e *editor) error {
		return errors.Join(f(e), s.syncDirs(changed))
	})
}

// edit is Edit without making anything durable: it adds the directories that are to be
// flushed to changed.
func (s *Store) edit(ctx context.Context, mailbox string, changed map[string]bool, f func(*editor) error) error {
	e := &editor{store: s, changed: changed}
	if err := e.open(ctx, mailbox); err != nil {
		return err
	}
	err := f(e)
	e.lock.release()
	if err != nil {
		if _, statErr := s.fs.Stat(e.folder.dir); isMissing(statErr) {
			return e.missing()
		}
	}
	return err
}

// syncDirs makes what was changed in directories durable, where they are still there.
func (s *Store) syncDirs(changed map[string]bool) error {
	var err error
	for dir := range changed {
		if syncErr := fsx.SyncDir(s.fs, dir); syncErr != nil && !isMissing(syncErr) {
			err = errors.Join(err, mailerr.FromErrno(syncErr))
		}
	}
	return err
}

// editor is a mailstore.Editor.
type editor struct {
	store   *Store
	folder  folder
	perm    permissions
	lock    *dotlock
	changed map[string]bool          // directories that are not flushed yet
	act     func(func() error) error // of the Remover; may be nil
}

// open finds the folder and locks it.
func (e *editor) open(ctx context.Context, mailbox string) error {
	s := e.store
	f, err := s.folder(mailbox)
	if err != nil {
		return err
	}
	ok, err := s.isFolder(f)
	if err != nil {
		return err
	}
	info, err := s.fs.Stat(f.dir)
	e.folder = f
	if !ok || isMissing(err) {
		return e.missing()
	}
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("opening mailbox %s: %w", f.name, err))
	}
	e.perm = permissionsOf(info)
	if f.control != f.dir {
		_, err = s.makeDirs(f.control, e.perm)
	}
	if err == nil {
		e.lock, err = s.lockUIDList(ctx, f, e.perm)
	}
	if err != nil && f.control == f.dir && isMissing(err) {
		return e.missing()
	}
	if err != nil {
		return fmt.Errorf("locking mailbox %s: %w", f.name, err)
	}
	return nil
}

func (e *editor) missing() error {
	return fmt.Errorf("%w: %s", mailstore.ErrNoMailbox, e.folder.name)
}

// Expunge removes the message's file.
func (e *editor) Expunge(m mailstore.Entry) error {
	err := e.change(m, func(name string) error { return e.store.fs.Remove(name) })
	if errors.Is(err, mailstore.ErrNoMessage) {
		return nil
	}
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("expunging %s: %w", m.Path, err))
	}
	size := parseFileName(path.Base(m.Path)).size()
	if size < 0 {
		size = m.Size
	}
	e.store.countMessage(e.folder, -size, -1)
	return nil
}

// SetFlags renames the message's file.
func (e *editor) SetFlags(m mailstore.Entry, flags []string) error {
	err := e.change(m, func(name string) error {
		to, err := e.renamed(name, m.Flags, flags)
		if err != nil {
			return err
		}
		if to == name {
			_, err := e.store.fs.Lstat(name) // is it still called so?
			return err
		}
		e.changed[path.Dir(to)] = true
		return e.store.fs.Rename(name, to)
	})
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("setting flags of %s: %w", m.Path, err))
	}
	return nil
}

// change calls f with the path of a message, again with a new one when somebody
// who takes no lock renamed it.
func (e *editor) change(m mailstore.Entry, f func(name string) error) error {
	dir, file := path.Split(m.Path)
	if dir != e.folder.dir+"/new/" && dir != e.folder.dir+"/cur/" {
		return fmt.Errorf("not a message of %s", e.folder.name)
	}
	if err := e.lock.check(); err != nil {
		return err
	}
	name := m.Path
	for range maxTries {
		err := f(name)
		if err == nil {
			e.changed[path.Dir(name)] = true
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if name, err = e.store.find(e.folder, parseFileName(file).base); err != nil {
			return err
		}
		if name == "" {
			return fmt.Errorf("%w: %s", mailstore.ErrNoMessage, m.Path)
		}
	}
	return fmt.Errorf("%s is renamed all the time", file)
}

// renamed gives the path that a message has when its flags are changed from before
// to after. What else its name says stays: letters that mean nothing to us,
// letters whose keyword is lost, and what follows a comma after the letters.
func (e *editor) renamed(name string, before, after []string) (string, error) {
	table, _, err := e.store.keywords(e.folder)
	if err != nil {
		return "", err
	}
	old := parseFileName(path.Base(name))
	_, info, _ := strings.Cut(path.Base(name), ":")
	_, extra, hasExtra := strings.Cut(strings.TrimPrefix(info, "2,"), ",")
	flags := mailstore.MergeFlags(flags(old.letters, table), before, after)
	var kept []byte
	for _, letter := range old.letters {
		means := flagOf(letter, &table)
		if means == "" || strings.HasPrefix(means, lostKeyword) && slices.Contains(flags, means) {
			kept = append(kept, byte(letter))
			flags = slices.DeleteFunc(flags, func(f string) bool { return f == means })
		}
	}
	letters, err := e.store.lettersAdding(e.folder, flags, func(names []string) (keywordTable, error) {
		return e.store.addKeywordsLocked(e.folder, e.perm, e.lock, names)
	})
	if err != nil {
		return "", err
	}
	to := infoOf(append(letters, kept...))
	if to == "" && info == "" && path.Base(path.Dir(name)) == "new" {
		return name, nil // without flags before and after
	}
	if to == "" {
		to = infoSep
	}
	if hasExtra {
		to += "," + extra
	}
	return e.folder.dir + "/cur/" + old.base + to, nil
}
