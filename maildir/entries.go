package maildir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// readParts are the directories that hold messages, in the order of reading:
// messages move from new to cur, so none is missed between the two.
var readParts = [...]string{"new", "cur"}

// Entries gives the messages that a mailbox has now. A file that vanishes
// meanwhile is looked for under its new name and left out when it is gone; what
// comes in meanwhile is left out too, so that who stores into the mailbox while
// reading it does not read what he stored. What it keeps are the names of files.
func (s *Store) Entries(ctx context.Context, mailbox string) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		r, err := s.reader(mailbox)
		if err != nil {
			yield(mailstore.Entry{}, err)
			return
		}
		// What was renamed while it was read is there in the next round.
		for range maxTries {
			if !r.round(ctx, yield) || len(r.missed) == 0 {
				return
			}
			r.again, r.missed = r.missed, nil
		}
	}
}

// Count gives the number of messages in a mailbox, fast and not exactly while it changes.
func (s *Store) Count(_ context.Context, mailbox string) (int, error) {
	f, err := s.folder(mailbox)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, part := range readParts {
		if err := s.eachName(f, part, func([]byte) { n++ }); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// eachName gives the names of the files in a part of a folder, as they come; each is
// valid up to the return of give. As in Dovecot, a name with a line end is none: the
// uidlist has one line for each.
func (s *Store) eachName(f folder, part string, give func(name []byte)) error {
	dir, err := s.fs.OpenDir(f.dir + "/" + part)
	if err == nil {
		err = errors.Join(dir.ReadNames(func(name []byte) {
			if name[0] != '.' && bytes.IndexByte(name, '\n') < 0 && bytes.IndexByte(name, '\r') < 0 {
				give(name)
			}
		}), dir.Close())
	}
	if err == nil || isMissing(err) {
		return nil
	}
	return mailerr.FromErrno(fmt.Errorf("reading mailbox %s: %w", f.name, err))
}

// reader reads a folder.
type reader struct {
	store    *Store
	folder   folder
	keywords keywordTable
	reread   bool            // the keywords were read again
	again    map[string]bool // base names of what is wanted; nil in the first round: all
	missed   map[string]bool // base names of what was gone when it was looked at
}

func (s *Store) reader(mailbox string) (*reader, error) {
	f, err := s.folder(mailbox)
	if err != nil {
		return nil, err
	}
	if ok, err := s.isFolder(f); err != nil || !ok {
		if err == nil {
			err = fmt.Errorf("%w: %s", mailstore.ErrNoMailbox, f.name)
		}
		return nil, err
	}
	r := &reader{store: s, folder: f}
	if r.keywords, _, err = s.keywords(f); err != nil {
		return nil, err
	}
	return r, nil
}

// round gives what is in the folder, or what of it is to be looked at again. It is
// false when the consumer wants no more.
func (r *reader) round(ctx context.Context, yield func(mailstore.Entry, error) bool) bool {
	l, err := r.listing()
	if err != nil {
		return yield(mailstore.Entry{}, err)
	}
	for i, names := range l.names {
		for j, fileName := range names {
			if err := ctx.Err(); err != nil {
				yield(mailstore.Entry{}, err)
				return false
			}
			name := parseFileName(fileName)
			moved := i > 0 && find(l.names[0], name.base) >= 0 // while these were read
			if moved || r.again != nil && !r.again[name.base] {
				continue
			}
			record, ok := l.records[name.base]
			if !ok {
				record = uidRecord{size: -1}
			}
			record.uid = l.uids[i][j]
			if !r.give(r.folder.dir+"/"+readParts[i]+"/"+fileName, name, record, yield) {
				return false
			}
		}
	}
	return true
}

// give gives one message, or notes that it is missed.
func (r *reader) give(path string, name fileName, record uidRecord, yield func(mailstore.Entry, error) bool) bool {
	entry, err := r.entry(path, name, record)
	switch {
	case errors.Is(err, errDirectory):
		return true
	case errors.Is(err, fs.ErrNotExist):
		if r.missed == nil {
			r.missed = map[string]bool{}
		}
		r.missed[name.base] = true
		return true
	}
	return yield(entry, err)
}

// errDirectory says that there is no message but a directory.
var errDirectory = errors.New("a directory")

func (r *reader) entry(path string, name fileName, record uidRecord) (mailstore.Entry, error) {
	info, err := r.store.fs.Lstat(path)
	if err != nil {
		return mailstore.Entry{}, mailerr.FromErrno(fmt.Errorf("reading mailbox %s: %w", r.folder.name, err))
	}
	if info.IsDir() {
		return mailstore.Entry{}, errDirectory
	}
	if !r.reread && r.keywords.lacks(name.letters) { // Dovecot may have just added one
		r.reread = true
		if r.keywords, _, err = r.store.keywords(r.folder); err != nil {
			return mailstore.Entry{}, err
		}
	}
	e := mailstore.Entry{
		Mailbox: r.folder.name, GUID: name.base, Path: path, Size: name.size(), VSize: max(name.vsize(), 0),
		Flags: flags(name.letters, r.keywords), Received: info.ModTime(), UID: record.uid,
	}
	e.VSize = max(e.VSize, record.vsize)
	if record.guid != "" {
		e.GUID = record.guid
	}
	if e.Size < 0 {
		e.Size = record.size
	}
	if e.Size < 0 {
		e.Size = info.Size()
	}
	return e, nil
}
