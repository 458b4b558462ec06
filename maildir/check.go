package maildir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Problem is something in a mail store that should not be so.
type Problem struct {
	Path string // file or directory
	Line int    // of the file, where it is a text; 0: all of it
	Text string
}

func (p Problem) String() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Text)
	}
	return p.Path + ": " + p.Text
}

// CheckOptions say what Check takes for a problem.
type CheckOptions struct {
	// TmpAge is the age from which a file in tmp or a lock counts as left behind:
	// 36 hours where mail is coming in, 0 when nothing writes.
	TmpAge time.Duration
	// Content reads every message, to compare W= with its lines.
	Content bool
}

// Check looks for what should not be: wrong sizes in file names, names that are
// there twice, what was left behind in tmp, missing directories, wrong lines in
// dovecot-uidlist and dovecot-keywords, keywords without a name, a maildirsize that
// does not add up. It changes nothing. What Dovecot or a delivery changes meanwhile
// may look like a problem. The error tells that the check itself failed.
func Check(ctx context.Context, s *Store, o CheckOptions) ([]Problem, error) {
	names, err := s.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	c := &checker{store: s, options: o}
	for _, name := range names {
		f, err := s.folder(name)
		if err != nil {
			c.add(s.loc.Root, "folder %q: %v", name, err)
			continue
		}
		if err := c.folder(ctx, f); err != nil {
			return c.problems, fmt.Errorf("checking mailbox %s: %w", name, err)
		}
	}
	return c.problems, c.maildirsize(ctx)
}

type checker struct {
	store    *Store
	options  CheckOptions
	problems []Problem
}

func (c *checker) add(path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) addLine(path string) func(int, string) {
	return func(line int, what string) { c.problems = append(c.problems, Problem{path, line, what}) }
}

func (c *checker) folder(ctx context.Context, f folder) error {
	if _, err := c.store.fs.Stat(f.dir + "/tmp"); f.isInbox() && errors.Is(err, fs.ErrNotExist) {
		return nil // not made yet
	}
	table, err := c.keywords(f)
	if err != nil {
		return err
	}
	if err := c.uidlist(f); err != nil {
		return err
	}
	bases := map[string]string{}
	for _, part := range folderParts {
		dir := f.dir + "/" + part
		entries, err := c.store.fs.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			c.add(dir, "missing")
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if part == "tmp" {
				c.old(dir+"/"+e.Name(), "left in tmp")
				continue
			}
			c.message(dir, e.Name(), table, bases)
		}
	}
	c.old(f.control+"/"+uidlistFile+lockSuffix, "lock left behind")
	c.old(f.control+"/"+keywordsFile+".tmp", "left behind")
	return nil
}

// old notes a file that exists for longer than it may.
func (c *checker) old(path, what string) {
	if info, err := c.store.fs.Lstat(path); err == nil && c.store.now().Sub(info.ModTime()) >= c.options.TmpAge {
		c.add(path, "%s", what)
	}
}

func (c *checker) keywords(f folder) (keywordTable, error) {
	path := f.control + "/" + keywordsFile
	text, err := c.store.readFile(path, maxKeywordsFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return keywordTable{}, err
	}
	return parseKeywords(text, c.addLine(path)), nil
}

func (c *checker) uidlist(f folder) error {
	path := f.control + "/" + uidlistFile
	file, err := c.store.openFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close() // nothing was written
	bad := c.addLine(path)
	seen := map[string]bool{}
	_, err = parseUIDList(io.LimitReader(file, maxUIDList), func(line int, base string, _ uidRecord) {
		if seen[base] {
			bad(line, "file name given twice")
		}
		seen[base] = true
	}, bad)
	return err
}

// message checks one file of new or cur.
func (c *checker) message(dir, name string, table keywordTable, bases map[string]string) {
	path := dir + "/" + name
	info, err := c.store.fs.Lstat(path)
	if err != nil {
		return // vanished
	}
	if !info.Mode().IsRegular() {
		c.add(path, "not a file")
		return
	}
	f := parseFileName(name)
	if other, ok := bases[f.base]; ok {
		c.add(path, "same message name as %s", other)
	}
	bases[f.base] = path
	if _, info, ok := strings.Cut(name, ":"); ok && (!strings.HasPrefix(info, "2,") || !slices.IsSorted([]byte(f.letters))) {
		c.add(path, "flags not in order")
	}
	if table.lacks(f.letters) {
		c.add(path, "keyword without a name")
	}
	if f.size() >= 0 && f.size() != info.Size() {
		c.add(path, "has %d bytes", info.Size())
	}
	if c.options.Content && f.vsize() >= 0 {
		c.content(path, f.vsize())
	}
}

// content compares W= with the file.
func (c *checker) content(path string, vsize int64) {
	f, err := c.store.fs.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return // vanished
	}
	defer f.Close()
	size, buf, last := int64(0), make([]byte, 64<<10), byte(0)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			chunk := buf[:n]
			size += int64(n) + int64(bytes.Count(chunk, []byte{'\n'})) - int64(bytes.Count(chunk, []byte("\r\n")))
			if last == '\r' && chunk[0] == '\n' {
				size--
			}
			last = chunk[n-1]
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.add(path, "cannot be read: %v", err)
			return
		}
	}
	if size != vsize {
		c.add(path, "has %d bytes with CRLF", size)
	}
}

// maildirsize compares the quota file, where there is one, with the mail.
func (c *checker) maildirsize(ctx context.Context) error {
	path := c.store.maildirsizePath()
	text, err := c.store.readFile(path, maxUIDList)
	if errors.Is(err, fs.ErrNotExist) || c.store.quota == nil {
		return nil
	}
	if err != nil {
		return err
	}
	_, sum, _, ok := parseMaildirsize(text)
	if !ok {
		c.add(path, "cannot be read")
		return nil
	}
	used, _, err := c.store.count(ctx)
	if err == nil && used != sum {
		c.add(path, "says %d bytes in %d messages, and there are %d in %d", sum.bytes, sum.count, used.bytes, used.count)
	}
	return err
}
