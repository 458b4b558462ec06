package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// folderParts are the directories of a folder in the order of making.
var folderParts = [...]string{"tmp", "new", "cur"}

// makeFolder makes the folder and what is missing above it, with the permissions
// of what is there, and notes them.
func (s *Store) makeFolder(p *pending) error {
	perm, err := s.inherited(p.folder)
	if err != nil {
		return err
	}
	changed, err := s.makeDirs(p.folder.dir, perm)
	p.changed = append(p.changed, changed...)
	if err != nil {
		return err
	}
	info, err := s.fs.Stat(p.folder.dir)
	if err != nil {
		return mailerr.FromErrno(err)
	}
	p.perm = permissionsOf(info)
	return s.makeParts(p)
}

// inherited gives the permissions of the nearest folder or directory above that exists.
func (s *Store) inherited(f folder) (permissions, error) {
	var above []string
	if s.loc.Layout == MaildirPlusPlus {
		for i := len(f.parts) - 1; i > 0; i-- {
			above = append(above, s.locate(f.parts[:i]).dir)
		}
	}
	for dir := filepath.Dir(f.dir); strings.HasPrefix(dir, s.loc.Root+"/"); dir = filepath.Dir(dir) {
		above = append(above, dir)
	}
	for _, dir := range append(above, s.loc.Root) {
		info, err := s.fs.Stat(dir)
		if err == nil {
			return permissionsOf(info), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return permissions{}, mailerr.FromErrno(fmt.Errorf("looking at the parent folder: %w", err))
		}
	}
	return ownerOnly, nil
}

// makeParts makes what is missing of a folder whose directory exists.
func (s *Store) makeParts(p *pending) error {
	f := p.folder
	if s.loc.Layout == MaildirPlusPlus && !f.isInbox() {
		marker, err := s.create(f.dir+"/maildirfolder", p.perm)
		if err == nil {
			err = marker.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return mailerr.FromErrno(fmt.Errorf("marking the folder: %w", err))
		}
	}
	for _, part := range folderParts {
		made, err := s.makeDir(f.dir+"/"+part, p.perm)
		if err != nil {
			return mailerr.FromErrno(fmt.Errorf("making the folder: %w", err))
		}
		if made {
			p.changed = append(p.changed, f.dir)
		}
	}
	return nil
}

// repairFolder makes the parts of a folder that turned out to be missing.
func (p *pending) repairFolder() error {
	if !p.create {
		ok, err := p.store.isFolder(p.folder)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: %s", mailstore.ErrNoMailbox, p.folder.name)
		}
	}
	return p.store.makeFolder(p)
}
