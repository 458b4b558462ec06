package maildir

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// Glance is a mailbox as the names in its directories tell it: no message is
// looked at, which makes it fit for looking often.
type Glance struct {
	// Changed is when a directory of the mailbox was last changed, and so when a
	// message last came, left, or got other flags; zero for a mailbox that is not there.
	Changed time.Time

	store    *Store
	folder   folder
	keywords keywordTable
}

// Name is one name of a Glance.
type Name struct {
	Base    string // what stays of the file's name while the message is in the mailbox
	Path    string // file
	letters string
}

// Glance looks when a mailbox was changed and which keywords it has. A mailbox
// that is not there is no error.
func (s *Store) Glance(mailbox string) (*Glance, error) {
	f, err := s.folder(mailbox)
	if err != nil {
		return nil, err
	}
	g := &Glance{store: s, folder: f}
	for _, part := range readParts {
		info, err := s.fs.Stat(f.dir + "/" + part)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return nil, mailerr.FromErrno(fmt.Errorf("looking at mailbox %s: %w", f.name, err))
		}
		if t := info.ModTime(); t.After(g.Changed) {
			g.Changed = t
		}
	}
	g.keywords, _, err = s.keywords(f)
	return g, err
}

// Mailbox is the name of the mailbox.
func (g *Glance) Mailbox() string { return g.folder.name }

// Letter gives the letter that stands for a keyword in the mailbox, false when no
// message of it can have the keyword.
func (g *Glance) Letter(keyword string) (byte, bool) {
	i := g.keywords.index(keyword)
	return 'a' + byte(i), i >= 0
}

// Has tells whether the message has the flag of a letter: that of a keyword in
// its mailbox, or T for \Deleted.
func (n Name) Has(letter byte) bool { return strings.IndexByte(n.letters, letter) >= 0 }

// Names gives the messages that the mailbox has now, in no order and each once. One
// that is renamed meanwhile may be missing.
func (g *Glance) Names(ctx context.Context) iter.Seq2[Name, error] {
	return func(yield func(Name, error) bool) {
		moved := map[string]bool{} // those of new, which may be in cur by now
		for i, part := range readParts {
			var names []string
			err := g.store.eachName(g.folder, part, func(name []byte) { names = append(names, string(name)) })
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Name{}, err)
				return
			}
			for _, n := range names {
				name := parseFileName(n)
				if moved[name.base] {
					continue
				}
				if i == 0 {
					moved[name.base] = true
				}
				if !yield(Name{Base: name.base, Path: g.folder.dir + "/" + part + "/" + n, letters: name.letters}, nil) {
					return
				}
			}
		}
	}
}

// Stat looks at the file of a name, which may be gone by now (fs.ErrNotExist).
func (g *Glance) Stat(n Name) (fs.FileInfo, error) {
	info, err := g.store.fs.Lstat(n.Path)
	if err != nil {
		return nil, mailerr.FromErrno(fmt.Errorf("looking at a message of %s: %w", g.folder.name, err))
	}
	return info, nil
}

// Entry gives what Store.Open needs to open the message of a name.
func (g *Glance) Entry(n Name) mailstore.Entry {
	return mailstore.Entry{Mailbox: g.folder.name, GUID: n.Base, Path: n.Path}
}
