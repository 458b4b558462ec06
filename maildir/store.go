package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// Options say whose mail it is and how it lies.
type Options struct {
	Location  Location
	Home      string // for "~" in Location
	Separator string // of names as callers use them, one character; empty: the layout's own
	Prefix    string // the namespace's, e.g. "INBOX."; not on disk
	User      string // address for the text of a quota error
	Quota     *Quota // nil: none is configured, and maildirsize not touched

	FS          fsx.FS           // nil: the real file system
	Cache       *Cache           // nil: one of its own
	Hostname    string           // in file names; empty: the machine's
	Now         func() time.Time // nil: time.Now
	LockTimeout time.Duration    // 0: DefaultLockTimeout
	Warn        func(error)      // told of what went wrong without harm to the message; may be nil
}

// Store is the mail of one user, a mailstore.Store. It is cheap to make, keeps no
// file open and is safe for concurrent use.
type Store struct {
	loc         Location // paths absolute
	separator   string
	prefix      string
	user        string
	quota       *Quota
	fs          fsx.FS
	cache       *Cache
	hostname    string
	pid         int
	now         func() time.Time
	lockTimeout time.Duration
	warnHook    func(error)
}

var _ mailstore.Store = (*Store)(nil)

// Open makes a Store without looking at the disk. It fails when the location
// needs a home and there is none, or makes no sense.
func Open(o Options) (*Store, error) {
	loc, err := o.Location.expand(o.Home)
	if err != nil {
		return nil, err
	}
	s := &Store{
		loc: loc, separator: o.Separator, prefix: o.Prefix, user: o.User, quota: o.Quota,
		fs: o.FS, cache: o.Cache, hostname: o.Hostname, pid: os.Getpid(),
		now: o.Now, lockTimeout: o.LockTimeout, warnHook: o.Warn,
	}
	if s.separator == "" {
		s.separator = loc.Layout.separator()
	}
	if len(s.separator) != 1 {
		return nil, fmt.Errorf("separator %q is not one character", s.separator)
	}
	if s.fs == nil {
		s.fs = fsx.OS{}
	}
	if s.cache == nil {
		s.cache = NewCache()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.lockTimeout == 0 {
		s.lockTimeout = DefaultLockTimeout
	}
	return s, nil
}

func (l Layout) separator() string {
	if l == FileSystem {
		return "/"
	}
	return "."
}

func (s *Store) warn(err error) {
	if s.warnHook != nil {
		s.warnHook(err)
	}
}

// Exists tells whether a mailbox exists and can hold mail; INBOX always does.
func (s *Store) Exists(_ context.Context, mailbox string) (bool, error) {
	f, err := s.folder(mailbox)
	if err != nil {
		return false, err
	}
	return s.isFolder(f)
}

// isFolder looks for cur, the part of a folder that is made last.
func (s *Store) isFolder(f folder) (bool, error) {
	if f.isInbox() {
		return true, nil
	}
	info, err := s.fs.Stat(f.dir + "/cur")
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, mailerr.FromErrno(fmt.Errorf("looking for mailbox %s: %w", f.name, err))
	}
	return info.IsDir(), nil
}

// maxFolders bounds the directories that a user's mailboxes are looked for in. In layout fs
// a few links in a circle would make more of them than anybody can go through.
const maxFolders = 50_000

// Mailboxes gives the names of all mailboxes that can hold mail, INBOX first.
// What is on disk under a name that no mailbox can have is passed over.
func (s *Store) Mailboxes(ctx context.Context) ([]string, error) {
	var names []string
	add := func(f folder) {
		if f.name != "" && !f.isInbox() {
			names = append(names, f.name)
		}
	}
	var err error
	if s.loc.Layout == MaildirPlusPlus {
		err = s.walkFlat(add)
	} else {
		left := maxFolders
		err = s.walkTree(ctx, nil, &left, add)
	}
	if err != nil {
		return nil, mailerr.FromErrno(fmt.Errorf("listing the mailboxes: %w", err))
	}
	slices.Sort(names)
	return append([]string{mailstore.Inbox}, slices.Compact(names)...), nil
}

func (s *Store) walkFlat(add func(folder)) error {
	entries, err := s.fs.ReadDir(s.loc.Root)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), ".")
		if !ok || name == "" {
			continue
		}
		parts := strings.Split(name, ".")
		if slices.Contains(parts, "") { // "..DOVECOT-TRASHED"
			continue
		}
		s.addFolder(s.locate(parts), add)
	}
	return nil
}

// walkTree adds the folders below parts, while directories are left. One that cannot be
// read keeps no other from being found.
func (s *Store) walkTree(ctx context.Context, parts []string, left *int, add func(folder)) error {
	if err := ctx.Err(); err != nil || len(parts) > maxDepth {
		return err // so deep only by a circle of links
	}
	if *left--; *left < 0 {
		return fmt.Errorf("there are more than %d directories", maxFolders)
	}
	dir := strings.Join(append([]string{s.loc.Root + s.mailboxDir()}, parts...), "/")
	entries, err := s.fs.ReadDir(dir)
	if isMissing(err) {
		return nil
	}
	if err != nil && len(parts) > 0 {
		s.warn(fmt.Errorf("looking for mailboxes below %s: %w", s.nameOf(parts), err))
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() && e.Type()&fs.ModeSymlink == 0 || s.isInternal(e.Name()) {
			continue
		}
		below := append(slices.Clip(parts), e.Name())
		if !s.addFolder(s.locate(below), add) {
			continue
		}
		if err := s.walkTree(ctx, below, left, add); err != nil {
			return err
		}
	}
	return nil
}

// addFolder adds a folder, also one that cannot be looked at: who wants to read it
// is told of that. It is false then.
func (s *Store) addFolder(f folder, add func(folder)) bool {
	ok, err := s.isFolder(f)
	if ok || err != nil {
		add(f)
	}
	return err == nil
}

// isMissing tells whether a path is not there, or leads through what is no directory.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) || isNotDir(err) }

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// Separator is what stands between the parts of a mailbox's name.
func (s *Store) Separator() string { return s.separator }
