package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
)

// ErrKept says that a mailbox was not removed, since it holds something.
var ErrKept = errors.New("mailbox is not removed")

// ErrInbox says that INBOX can never be removed.
var ErrInbox = errors.New("INBOX can't be deleted")

// RemoveFolder removes an empty mailbox and its subscription. One that holds mail, a
// delivery under way, other mailboxes, or files that are none of Dovecot's stays as it
// is: ErrKept.
//
// Dovecot gives a folder the name "..DOVECOT-TRASHED" and removes all that is in it.
// Here nothing but empty directories and Dovecot's own files goes, in this order: tmp,
// without which nobody can begin a delivery; new and cur, which is where the kernel says
// whether mail came meanwhile; the files; the folder. Where one of the steps finds the
// folder in use it is made whole again. In layout fs the directories above that are left
// empty go too, as in Dovecot 2.4.
func (s *Store) RemoveFolder(ctx context.Context, mailbox string) error {
	e := &editor{store: s}
	if f, err := s.folder(mailbox); err == nil && f.isInbox() {
		return ErrInbox
	}
	if err := e.open(ctx, mailbox); err != nil {
		return err
	}
	err := e.removeFolder()
	e.lock.release() // it lies in the folder
	if err == nil {
		err = e.removeDir()
	}
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("removing mailbox %s: %w", mailbox, err))
	}
	s.removeAbove(e.folder)
	return s.Unsubscribe(ctx, mailbox)
}

// removeFolder removes what the folder is made of.
func (e *editor) removeFolder() error {
	files, err := e.controlFiles()
	if err != nil {
		return err
	}
	if err := e.removeStale(); err != nil {
		return err
	}
	for _, part := range []string{"tmp", "new", "cur"} {
		if err := e.store.fs.Remove(e.folder.dir + "/" + part); err != nil && !isMissing(err) {
			return e.restore(err)
		}
	}
	for _, file := range files {
		if err := e.store.fs.Remove(file); err != nil && !isMissing(err) {
			return e.restore(err)
		}
	}
	return nil
}

// removeDir removes the folder's directory, which is empty unless somebody uses the
// folder again.
func (e *editor) removeDir() error {
	f := e.folder
	if err := e.store.fs.Remove(f.dir); err != nil && !isMissing(err) {
		return e.restore(err)
	}
	if f.control != f.dir {
		if err := e.store.fs.Remove(f.control); err != nil && !isMissing(err) && !inUse(err) {
			return err
		}
	}
	return e.store.syncDir(f.dir)
}

// restore makes the folder whole again after a step failed.
func (e *editor) restore(err error) error {
	p := &pending{store: e.store, folder: e.folder, perm: e.perm}
	if inUse(err) {
		err = fmt.Errorf("%w: it is in use", ErrKept)
	}
	err = errors.Join(err, e.store.makeParts(p))
	if len(p.changed) > 0 {
		err = errors.Join(err, fsx.SyncDir(e.store.fs, e.folder.dir))
	}
	return err
}

func inUse(err error) bool {
	return errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.EISDIR)
}

// controlFiles gives the files of a folder that go with it, and ErrKept when there is
// anything else.
func (e *editor) controlFiles() ([]string, error) {
	s, f := e.store, e.folder
	if info, err := s.fs.Lstat(f.dir); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		if err == nil {
			err = fmt.Errorf("%w: it is a symbolic link", ErrKept)
		}
		return nil, err
	}
	var files []string
	dirs := []string{f.dir}
	if f.control != f.dir {
		dirs = append(dirs, f.control)
	}
	for _, dir := range dirs {
		entries, err := s.fs.ReadDir(dir)
		if err != nil && !isMissing(err) {
			return nil, err
		}
		for _, entry := range entries {
			name := entry.Name()
			switch {
			case dir == f.dir && slices.Contains(folderParts[:], name), name == uidlistFile+lockSuffix:
			case entry.Type().IsRegular() && (strings.HasPrefix(name, "dovecot") || name == "maildirfolder"):
				files = append(files, dir+"/"+name)
			case dir == f.dir:
				return nil, fmt.Errorf("%w: it holds %q", ErrKept, name)
			}
		}
	}
	for _, part := range []string{"new", "cur"} {
		entries, err := s.fs.ReadDir(f.dir + "/" + part)
		if err != nil && !isMissing(err) {
			return nil, err
		}
		if len(entries) > 0 {
			return nil, fmt.Errorf("%w: it holds mail", ErrKept)
		}
	}
	return files, e.noChildren()
}

// noChildren gives ErrKept where folders lie below this one and not in its directory.
func (e *editor) noChildren() error {
	s, f := e.store, e.folder
	above, isChild := filepath.Dir(f.dir), func(name string) bool { return name != s.loc.DirName }
	switch {
	case s.loc.Layout == MaildirPlusPlus:
		isChild = func(name string) bool { return strings.HasPrefix(name, filepath.Base(f.dir)+".") }
	case s.loc.DirName == "":
		return nil
	}
	entries, err := s.fs.ReadDir(above)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if isChild(entry.Name()) {
			return fmt.Errorf("%w: it has other mailboxes below it", ErrKept)
		}
	}
	return nil
}

// removeStale removes what deliveries that never ended have left in tmp.
func (e *editor) removeStale() error {
	s, dir := e.store, e.folder.dir+"/tmp"
	entries, err := s.fs.ReadDir(dir)
	if err != nil && !isMissing(err) {
		return err
	}
	for _, entry := range entries {
		info, err := s.fs.Lstat(dir + "/" + entry.Name())
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || !info.Mode().IsRegular() || !time.Unix(st.Ctim.Unix()).Before(s.now().Add(-tmpKeep)) {
			return fmt.Errorf("%w: a delivery is under way", ErrKept)
		}
		if err := s.fs.Remove(dir + "/" + entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeAbove removes the directories above a folder of layout fs that are left empty.
func (s *Store) removeAbove(f folder) {
	if s.loc.Layout == MaildirPlusPlus {
		return
	}
	for _, place := range []struct{ dir, root string }{{f.dir, s.loc.Root + s.mailboxDir()}, {f.control, s.controlRoot() + s.mailboxDir()}} {
		for dir := filepath.Dir(place.dir); strings.HasPrefix(dir, place.root+"/"); dir = filepath.Dir(dir) {
			if err := s.fs.Remove(dir); err != nil {
				break // it is in use, or gone
			}
		}
	}
}
