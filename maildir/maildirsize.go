package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// Rules of the maildirsize file (Maildir++ quota, as Dovecot keeps it): the first
// line has the limits, "<bytes>S,<messages>C"; each further line has a difference,
// "<bytes> <messages>". It is counted anew when it is longer than 5120 bytes, and
// when it says that the limit is exceeded but is old or has several lines.
const (
	maildirsizeFile = "maildirsize"
	maildirsizeMax  = 5120
	maildirsizeOld  = 15 * time.Minute
)

// CheckQuota tells by a mailerr.QuotaFull error that size more bytes do not fit
// into a mailbox; with size 0, that it is too full already.
func (s *Store) CheckQuota(ctx context.Context, mailbox string, size int64) error {
	f, err := s.folder(mailbox)
	if err != nil {
		return err
	}
	return s.checkQuota(ctx, f, size)
}

func (s *Store) checkQuota(ctx context.Context, f folder, size int64) error {
	if s.quota == nil {
		return nil
	}
	rule := s.quota.rule(f.name)
	if rule.ignore {
		return nil
	}
	limit, used, err := s.usage(ctx)
	if err != nil {
		// A folder that cannot be looked into must not stop all mail: Dovecot too
		// "saves anyway". What cannot be stored says so itself.
		s.warn(fmt.Errorf("asking for the quota, and storing all the same: %w", err))
		return ctx.Err()
	}
	if s.quota.exceeded(limit, used, rule, size) {
		return mailerr.QuotaFull(s.user, s.quota.Tempfail)
	}
	return nil
}

func (s *Store) maildirsizePath() string { return s.controlRoot() + "/" + maildirsizeFile }

// usage gives the limit in force and what is stored.
func (s *Store) usage(ctx context.Context) (limit, used amount, err error) {
	path := s.maildirsizePath()
	limit = s.quota.limit
	text, err := s.readFile(path, maildirsizeMax)
	if err == nil {
		limits, sum, lines, ok := parseMaildirsize(text)
		if !s.quota.force && text != "" {
			limit = limits
		}
		doubtful := limit.exceededBy(sum) && (lines > 1 || s.isOld(path))
		if ok && limits == limit && !doubtful {
			return limit, sum, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errTooLarge) {
		return limit, used, mailerr.FromErrno(err)
	}
	used, err = s.recount(ctx, limit)
	return limit, used, err
}

func (limit amount) exceededBy(sum amount) bool {
	return limit.bytes > 0 && sum.bytes > limit.bytes || limit.count > 0 && sum.count > limit.count
}

func (s *Store) isOld(path string) bool {
	info, err := s.fs.Stat(path)
	return err != nil || s.now().Sub(info.ModTime()) > maildirsizeOld
}

// parseMaildirsize reads the file. It is not ok when it must be counted anew. A
// last line without its end is passed over: somebody is writing it.
func parseMaildirsize(text string) (limit, sum amount, lines int, ok bool) {
	text = text[:strings.LastIndexByte(text, '\n')+1]
	if text == "" || strings.ContainsRune(text, 0) {
		return limit, sum, 0, false
	}
	head, rest, _ := strings.Cut(text, "\n")
	limit = parseLimits(head)
	for line := range strings.Lines(rest) {
		var d amount
		if n, err := fmt.Sscanf(line, "%d %d", &d.bytes, &d.count); n != 2 || err != nil {
			return limit, sum, lines, false
		}
		sum.bytes += d.bytes
		sum.count += d.count
		lines++
	}
	return limit, sum, lines, lines > 0 && sum.bytes >= 0 && sum.count >= 0
}

func parseLimits(head string) (limit amount) {
	for field := range strings.SplitSeq(head, ",") {
		if field == "" {
			continue
		}
		n, err := strconv.ParseInt(field[:len(field)-1], 10, 64)
		if err != nil || n < 0 {
			continue
		}
		switch field[len(field)-1] {
		case 'S':
			limit.bytes = n
		case 'C':
			limit.count = n
		}
	}
	return limit
}

func (limit amount) head() string {
	switch {
	case limit.count == 0:
		return fmt.Sprintf("%dS", limit.bytes)
	case limit.bytes == 0:
		return fmt.Sprintf("%dC", limit.count)
	}
	return fmt.Sprintf("%dS,%dC", limit.bytes, limit.count)
}

// recount adds up what all mailboxes hold and writes the file anew, unless a
// mailbox changed meanwhile. Only failing to count is an error.
func (s *Store) recount(ctx context.Context, limit amount) (amount, error) {
	used, changed, err := s.count(ctx)
	if err != nil {
		return amount{}, err
	}
	path := s.maildirsizePath()
	if changed { // counted again next time
		if s.quota.force {
			s.forgetMaildirsize()
		}
		return used, nil
	}
	perm, err := s.inherited(s.locate([]string{mailstore.Inbox}))
	if err == nil {
		_, err = s.makeDirs(s.controlRoot(), perm)
	}
	if err == nil {
		err = s.writeMaildirsize(path, fmt.Sprintf("%s\n%d %d\n", limit.head(), used.bytes, used.count), perm)
	}
	if err != nil {
		s.warn(fmt.Errorf("writing %s: %w", path, err))
	}
	return used, nil
}

// writeMaildirsize needs no fsync: a lost file is counted anew.
func (s *Store) writeMaildirsize(path, text string, perm permissions) error {
	host, err := s.cache.host()
	if err != nil {
		return err
	}
	tmp := path + "." + uniqueName(s.now(), s.pid, host)
	f, err := s.create(tmp, perm)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.fs.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, s.fs.Remove(tmp))
	}
	return nil
}

// count adds up the mailboxes that the quota is for, and tells whether one of them
// changed while it did.
func (s *Store) count(ctx context.Context) (used amount, changed bool, err error) {
	names, err := s.Mailboxes(ctx)
	if err != nil {
		return used, false, err
	}
	seen := map[string]time.Time{}
	for _, name := range names {
		f, err := s.folder(name)
		if err != nil || s.quota.rule(name).ignore {
			continue
		}
		for _, part := range readParts {
			dir := f.dir + "/" + part
			info, err := s.fs.Stat(dir)
			if isMissing(err) {
				continue
			}
			if err != nil {
				return used, false, mailerr.FromErrno(err)
			}
			seen[dir] = info.ModTime()
			if err := s.countDir(dir, &used); err != nil {
				return used, false, err
			}
		}
	}
	for dir, before := range seen {
		info, err := s.fs.Stat(dir)
		changed = changed || err != nil || !info.ModTime().Equal(before)
	}
	return used, changed, nil
}

func (s *Store) countDir(dir string, used *amount) error {
	entries, err := s.fs.ReadDir(dir)
	if err != nil && !isMissing(err) {
		return mailerr.FromErrno(fmt.Errorf("counting the mail: %w", err))
	}
	for _, e := range entries {
		if e.Name()[0] == '.' {
			continue
		}
		size := parseFileName(e.Name()).size()
		if size < 0 {
			info, err := s.fs.Stat(dir + "/" + e.Name())
			if isMissing(err) {
				continue
			}
			if err != nil {
				return mailerr.FromErrno(fmt.Errorf("counting the mail: %w", err))
			}
			size = info.Size()
		}
		used.bytes = plus(used.bytes, size)
		used.count++
	}
	return nil
}

// countMessage notes a change of what a folder holds. It is false when nothing was
// noted: then the file is missing, and will be counted anew.
func (s *Store) countMessage(f folder, size int64, messages int) bool {
	if s.quota == nil || s.quota.rule(f.name).ignore {
		return false
	}
	file, _, err := fsx.OpenRegular(s.fs, s.maildirsizePath(), os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.forgetMaildirsize()
		}
		return false
	}
	_, err = fmt.Fprintf(file, "%d %d\n", size, messages) // one write
	if err = errors.Join(err, file.Close()); err != nil {
		s.forgetMaildirsize()
		return false
	}
	return true
}

// forgetMaildirsize removes the file, so that it is counted anew.
func (s *Store) forgetMaildirsize() {
	if err := s.fs.Remove(s.maildirsizePath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.warn(fmt.Errorf("a wrong quota file stays: %w", err))
	}
}
