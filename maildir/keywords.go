package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"dovetail/internal/mailerr"
)

const (
	keywordsFile = "dovecot-keywords"
	maxKeyword   = 50 // bytes, Dovecot's mail_max_keyword_length
)

// keywordTable names the letters a to z of a folder; "" is a free one.
type keywordTable [26]string

// errKeywordsFull says that a folder has 26 keywords.
var errKeywordsFull = errors.New("the mailbox has 26 keywords, which is all that Maildir can hold")

// index finds a keyword, in any case of letters as Dovecot does; -1 for none.
func (t *keywordTable) index(name string) int {
	for i, known := range t {
		if known != "" && strings.EqualFold(known, name) {
			return i
		}
	}
	return -1
}

// add puts a keyword into the first free place; -1 when there is none.
func (t *keywordTable) add(name string) int {
	for i, known := range t {
		if known == "" {
			t[i] = name
			return i
		}
	}
	return -1
}

// lacks tells whether one of letters has no keyword.
func (t *keywordTable) lacks(letters string) bool {
	return strings.ContainsFunc(letters, func(r rune) bool { return r >= 'a' && r <= 'z' && t[r-'a'] == "" })
}

// parseKeywords reads dovecot-keywords. Like Dovecot it passes over lines that it
// does not understand; bad tells of each.
func parseKeywords(text string, bad func(line int, what string)) keywordTable {
	var table keywordTable
	n := 0
	for line := range strings.Lines(text) {
		n++
		number, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		i, err := strconv.Atoi(number)
		switch {
		case !ok || err != nil || name == "":
			bad(n, "not a number and a name")
		case i < 0 || i >= len(table):
			bad(n, "number out of range")
		default:
			if table[i] != "" || table.index(name) >= 0 {
				bad(n, "number or name given twice")
			}
			table[i] = name
		}
	}
	return table
}

func (t *keywordTable) String() string {
	var b strings.Builder
	for i, name := range t {
		if name != "" {
			fmt.Fprintf(&b, "%d %s\n", i, name)
		}
	}
	return b.String()
}

// fileState tells whether a file is the same as it was.
type fileState struct {
	ino   uint64
	size  int64
	mtime int64 // ns
}

func stateOf(info fs.FileInfo) fileState {
	st := fileState{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		st.ino = sys.Ino
	}
	return st
}

// keywords reads the keywords of a folder, from the cache where the file is as it
// was. It also gives the file's modification time, zero for no file.
func (s *Store) keywords(f folder) (keywordTable, time.Time, error) {
	path := f.control + "/" + keywordsFile
	info, err := s.fs.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return keywordTable{}, time.Time{}, nil
	}
	if err != nil {
		return keywordTable{}, time.Time{}, mailerr.FromErrno(fmt.Errorf("reading the keywords: %w", err))
	}
	if table, ok := s.cache.keywordsOf(path, stateOf(info)); ok {
		return table, info.ModTime(), nil
	}
	text, err := s.readFile(path, maxKeywordsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return keywordTable{}, time.Time{}, nil
	}
	if err != nil {
		return keywordTable{}, time.Time{}, mailerr.FromErrno(fmt.Errorf("reading the keywords: %w", err))
	}
	table := parseKeywords(text, func(int, string) {})
	// Were the file replaced since Stat, the next Stat would not be equal.
	s.cache.setKeywords(path, stateOf(info), table)
	return table, info.ModTime(), nil
}

// letters gives the letters of flags in a folder. Keywords that the folder does
// not have yet are added to it; what cannot be stored is left out and Warn told.
func (s *Store) letters(ctx context.Context, f folder, perm permissions, flags []string) ([]byte, error) {
	return s.lettersAdding(f, flags, func(names []string) (keywordTable, error) { return s.addKeywords(ctx, f, perm, names) })
}

// lettersAdding is letters with a way of adding keywords.
func (s *Store) lettersAdding(f folder, flags []string, add func(names []string) (keywordTable, error)) ([]byte, error) {
	var letters []byte
	var names []string
	for _, flag := range flags {
		switch letter, ok := systemFlags[strings.ToLower(flag)]; {
		case ok:
			letters = append(letters, byte(letter))
		case strings.EqualFold(flag, `\Recent`): // Dovecot's own to give
		case !validKeyword(flag):
			s.warn(fmt.Errorf("mailbox %s: flag %q cannot be stored", f.name, flag))
		default:
			names = append(names, flag)
		}
	}
	if len(names) == 0 {
		return letters, nil
	}
	table, _, err := s.keywords(f)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if table.index(name) >= 0 {
			continue
		}
		if table, err = add(names); err != nil {
			return nil, err
		}
		break
	}
	for _, name := range names {
		if i := table.index(name); i >= 0 {
			letters = append(letters, byte('a'+i))
		} else {
			s.warn(fmt.Errorf("mailbox %s: keyword %q is not stored: %w", f.name, name, errKeywordsFull))
		}
	}
	return letters, nil
}

// validKeyword tells whether IMAP can show a keyword: an atom (RFC 9051 section 9).
func validKeyword(name string) bool {
	return name != "" && len(name) <= maxKeyword && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`(){%*"\]`, r)
	})
}

// addKeywords adds to a folder those of names that it lacks and gives its
// keywords then. When all places are taken the rest is not added.
func (s *Store) addKeywords(ctx context.Context, f folder, perm permissions, names []string) (keywordTable, error) {
	if _, err := s.makeDirs(f.control, perm); err != nil {
		return keywordTable{}, fmt.Errorf("adding keywords to %s: %w", f.name, err)
	}
	lock, err := s.lockUIDList(ctx, f, perm)
	if err != nil {
		return keywordTable{}, fmt.Errorf("adding keywords to %s: %w", f.name, err)
	}
	defer lock.release()
	return s.addKeywordsLocked(f, perm, lock, names)
}

func (s *Store) addKeywordsLocked(f folder, perm permissions, lock *dotlock, names []string) (keywordTable, error) {
	table, old, err := s.keywords(f)
	if err != nil {
		return keywordTable{}, err
	}
	added := false
	for _, name := range names {
		if table.index(name) < 0 && table.add(name) >= 0 {
			added = true
		}
	}
	if !added {
		return table, nil
	}
	// Dovecot tells by the second of its modification time whether the file changed.
	mtime := s.now()
	if next := old.Truncate(time.Second).Add(time.Second); mtime.Before(next) {
		mtime = next
	}
	path := f.control + "/" + keywordsFile
	if err := s.replaceFile(path, table.String(), perm, mtime, lock); err != nil {
		return keywordTable{}, fmt.Errorf("adding keywords to %s: %w", f.name, err)
	}
	return table, nil
}
