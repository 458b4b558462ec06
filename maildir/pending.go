package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
)

// pending is a message between Prepare and its end; see mailstore.Pending.
type pending struct {
	store    *Store
	folder   folder
	perm     permissions
	create   bool
	base     string // file name without flags
	info     string // end of the file name, empty without flags
	path     string // where the file is now
	size     int64
	received time.Time
	sharing  *sharing

	state   state
	file    fsx.File   // written in Prepare; nil when another delivery's file is shared
	dirs    []fsx.File // what Publish changed
	changed []string   // directories in which others were made
	counted bool       // maildirsize was told
}

type state int

const (
	prepared state = iota
	published
	ended
)

// Unsynced gives the message's file after Prepare, the directories after Publish.
func (p *pending) Unsynced() []fsx.File {
	switch {
	case p.state == published:
		return p.dirs
	case p.state == prepared && p.file != nil:
		return []fsx.File{p.file}
	}
	return nil
}

// Publish moves the message to new, or with flags to cur.
func (p *pending) Publish() error {
	if p.state != prepared {
		return fmt.Errorf("publishing into %s: published or ended before", p.folder.name)
	}
	target := p.folder.dir + "/new"
	if p.info != "" {
		target = p.folder.dir + "/cur"
	}
	// All that can fail comes before the rename.
	if err := p.openDirs(target); err != nil {
		return mailerr.FromErrno(fmt.Errorf("publishing into %s: %w", p.folder.name, err))
	}
	path := target + "/" + p.base + p.info
	if err := p.store.fs.Rename(p.path, path); err != nil {
		return mailerr.FromErrno(fmt.Errorf("publishing into %s: %w", p.folder.name, err))
	}
	p.path, p.state = path, published
	if p.file != nil { // flushed before; many recipients need many descriptors
		_ = p.file.Close()
		p.file = nil
	}
	p.counted = p.store.countMessage(p.folder, p.size, 1)
	return nil
}

// openDirs opens the directories whose entries Publish and its Prepare change.
func (p *pending) openDirs(target string) error {
	d, err := p.store.openDir(target)
	if errors.Is(err, fs.ErrNotExist) {
		if err := p.store.makeParts(p); err != nil {
			return err
		}
		d, err = p.store.openDir(target)
	}
	if err != nil {
		return err
	}
	p.dirs = append(p.dirs, d)
	slices.Sort(p.changed)
	for _, path := range slices.Compact(p.changed) {
		d, err := p.store.openDir(path)
		if err != nil {
			return err
		}
		p.dirs = append(p.dirs, d)
	}
	return nil
}

func (s *Store) openDir(path string) (fsx.File, error) {
	return s.fs.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
}

// Abort removes the message, wherever a reader may have moved it meanwhile.
func (p *pending) Abort() error {
	state := p.state
	p.state = ended
	err := p.closeFiles()
	switch state {
	case prepared:
		err = errors.Join(err, p.store.fs.Remove(p.path))
	case published:
		removed, removeErr := p.removePublished()
		err = errors.Join(err, removeErr)
		if removed && p.counted {
			p.store.countMessage(p.folder, -p.size, -1)
		}
	case ended:
	}
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("taking a message back from %s: %w", p.folder.name, err))
	}
	return nil
}

// removePublished is false without an error when the message was expunged already.
func (p *pending) removePublished() (bool, error) {
	for range maxTries {
		err := p.store.fs.Remove(p.path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
		moved, err := p.store.find(p.folder, p.base)
		if err != nil || moved == "" {
			return false, err
		}
		p.path = moved
	}
	return false, fmt.Errorf("%s is renamed all the time", p.base)
}

// find gives the path of the message of a base name; "" for none.
func (s *Store) find(f folder, base string) (string, error) {
	for _, part := range readParts {
		entries, err := s.fs.ReadDir(f.dir + "/" + part)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		for _, e := range entries {
			if parseFileName(e.Name()).base == base {
				return f.dir + "/" + part + "/" + e.Name(), nil
			}
		}
	}
	return "", nil
}

// Close frees what is open. A message that was not published is taken back.
func (p *pending) Close() error {
	if p.state == prepared {
		return p.Abort()
	}
	p.state = ended
	return p.closeFiles()
}

func (p *pending) closeFiles() error {
	var errs []error
	if p.file != nil {
		errs = append(errs, p.file.Close())
	}
	for _, d := range p.dirs {
		errs = append(errs, d.Close())
	}
	p.file, p.dirs = nil, nil
	return errors.Join(errs...)
}
