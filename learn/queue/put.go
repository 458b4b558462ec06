package queue

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode"

	"dovetail/internal/fsx"
	"dovetail/internal/message"
	"dovetail/learn"
)

// version of the files, in their first line.
const version = 1

// header is the first line of a file.
type header struct {
	Version int          `json:"version"`
	Lesson  learn.Lesson `json:"lesson"`
}

// Put reads a message to its end, with LF or CRLF line ends, and puts the lesson
// into the queue. When it returns an id, the lesson is on disk to stay; when it
// returns an error, nothing is in the queue. An exception is a directory that
// could not be synced, and from which the lesson could not be removed either: the
// lesson is there, whole, while the error says that it may not be.
func (q *Queue) Put(ctx context.Context, lesson learn.Lesson, r io.Reader) (id string, err error) {
	if err := check(lesson); err != nil {
		return "", fmt.Errorf("queueing a lesson: %w", err)
	}
	if year := lesson.At.UTC().Year(); year < 1970 || year > 9999 {
		return "", fmt.Errorf("queueing a lesson: it has no time, or an impossible one: %s", lesson.At)
	}
	id = newID(lesson.At)
	if err := q.put(ctx, id, header{version, lesson}, r); err != nil {
		return "", fmt.Errorf("queueing a lesson: %w", err)
	}
	return id, nil
}

// maxName bounds the name of a user in bytes.
const maxName = 1024

// check refuses what is no lesson, and names that would do harm on a terminal.
func check(l learn.Lesson) error {
	if _, err := learn.ParseClass(string(l.Class)); err != nil {
		return err
	}
	for _, name := range []string{l.User, string(l.Origin)} {
		if len(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
			return fmt.Errorf("%.40q is the name of nobody and nothing", name)
		}
	}
	return nil
}

func (q *Queue) put(ctx context.Context, id string, h header, r io.Reader) (err error) {
	dir, err := q.fsys.OpenFile(q.dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	name := q.path(tmpPrefix + id)
	f, err := q.fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		if err != nil {
			err = errors.Join(err, q.undo(name))
		}
	}()
	if err := giveTo(dir, f); err != nil {
		return err
	}
	if err := write(f, h, &reader{ctx, r}); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := q.fsys.Rename(name, q.path(id)); err != nil {
		return err
	}
	name = q.path(id)
	return dir.Sync()
}

// undo removes a file whose lesson was not taken.
func (q *Queue) undo(name string) error {
	if err := q.fsys.Remove(name); err != nil {
		return fmt.Errorf("and removing it again: %w", err)
	}
	return nil
}

// giveTo gives what root writes to the directory's owner.
func giveTo(dir, f fsx.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	to := info.Sys().(*syscall.Stat_t)
	if to.Uid == 0 {
		return nil
	}
	return f.Chown(int(to.Uid), int(to.Gid))
}

// write writes a file.
func write(f fsx.File, h header, r io.Reader) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(line) >= maxHeader {
		return fmt.Errorf("what is known of the lesson has %d bytes, more than %d", len(line), maxHeader)
	}
	w := bufio.NewWriterSize(f, 64<<10)
	w.Write(append(line, '\n')) // bufio keeps an error for Flush
	lf := message.NewLFWriter(w)
	if _, err := io.Copy(lf, r); err != nil {
		return err
	}
	if err := lf.Flush(); err != nil {
		return err
	}
	return w.Flush()
}

// reader stops reading when the context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
