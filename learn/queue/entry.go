package queue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"dovetail/internal/fsx"
	"dovetail/internal/message"
	"dovetail/learn"
)

// maxHeader bounds the first line of a file.
const maxHeader = 64 << 10

// Entry is a lesson in the queue.
type Entry struct {
	ID     string
	Lesson learn.Lesson
	Size   int64  // of the message, in bytes, with LF line ends
	Owner  uint32 // uid that the file belongs to: who gave the lesson
	Err    error  // it cannot be read, or ErrTooBig; ErrDamaged: and never will be
}

var (
	// ErrDamaged says that a file is no lesson: cut off, or made by somebody else.
	ErrDamaged = errors.New("damaged lesson")
	// ErrTooBig says that the message of a lesson is larger than Queue.MaxSize.
	ErrTooBig = errors.New("the message is too big")
)

// IDs gives the names of the lessons in the queue, in the order of their times.
func (q *Queue) IDs() ([]string, error) {
	files, err := q.fsys.ReadDir(q.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the learn queue: %w", err)
	}
	var ids []string
	for _, file := range files { // sorted, see os.ReadDir
		if checkID(file.Name()) == nil {
			ids = append(ids, file.Name())
		}
	}
	return ids, nil
}

// List gives the lessons in the order of their names, which is that of their
// times. Its error is that of the directory, or of a file that cannot be read now.
func (q *Queue) List() ([]Entry, error) {
	ids, err := q.IDs()
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, id := range ids {
		entry, err := q.Entry(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // drained meanwhile
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// Entry gives a lesson. One that is gone is fs.ErrNotExist.
func (q *Queue) Entry(id string) (Entry, error) {
	entry, err := q.entry(id)
	if err != nil {
		return Entry{}, fmt.Errorf("reading the learn queue: %w", err)
	}
	return entry, nil
}

func (q *Queue) entry(id string) (Entry, error) {
	f, err := q.open(id)
	if err != nil {
		info, gone := q.fsys.Lstat(q.path(id))
		if errors.Is(gone, fs.ErrNotExist) {
			return Entry{}, gone
		}
		entry := Entry{ID: id, Owner: nobody, Err: fmt.Errorf("reading a lesson of the queue: %w", err)}
		if gone == nil {
			entry.Owner = owner(info)
		}
		return entry, nil
	}
	defer f.Close()
	return Entry{ID: id, Lesson: f.lesson, Size: f.size, Owner: f.owner, Err: q.fits(f)}, nil
}

// nobody is the uid of nobody, not even of the user of that name.
const nobody = ^uint32(0)

func owner(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// Message gives a lesson and its message, which may be used until the Closer is
// closed. A lesson that is gone is fs.ErrNotExist.
func (q *Queue) Message(id string) (learn.Lesson, *message.Message, io.Closer, error) {
	if err := checkID(id); err != nil {
		return learn.Lesson{}, nil, nil, err
	}
	f, err := q.open(id)
	if err != nil {
		return learn.Lesson{}, nil, nil, fmt.Errorf("reading a lesson of the queue: %w", err)
	}
	if err := q.fits(f); err != nil {
		f.Close()
		return learn.Lesson{}, nil, nil, fmt.Errorf("reading a lesson of the queue: %s: %w", f.Name(), err)
	}
	m, err := message.Read(io.NewSectionReader(f, f.at, f.size), f.size, 0)
	if err != nil {
		f.Close()
		return learn.Lesson{}, nil, nil, fmt.Errorf("reading a lesson of the queue: %s: %w", f.Name(), err)
	}
	return f.lesson, m, f, nil
}

// fits refuses a message that nobody wants to read: a sparse file can have any size.
func (q *Queue) fits(f *file) error {
	if q.MaxSize > 0 && f.size > q.MaxSize {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrTooBig, f.size, q.MaxSize)
	}
	return nil
}

// file is an open lesson.
type file struct {
	fsx.File
	lesson learn.Lesson
	at     int64 // where the message begins
	size   int64 // of the message
	owner  uint32
}

// open opens a lesson's file. Anybody may have made it, so it may be anything.
func (q *Queue) open(id string) (*file, error) {
	path := q.path(id)
	f, err := q.fsys.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return nil, fmt.Errorf("%w: %s is a symbolic link", ErrDamaged, path)
	case errors.Is(err, syscall.ENXIO):
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrDamaged, path)
	case err != nil:
		return nil, err
	}
	opened, err := parse(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return opened, nil
}

// parse reads what is in front of the message.
func parse(f fsx.File) (*file, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", ErrDamaged)
	}
	if n := info.Sys().(*syscall.Stat_t).Nlink; n > 1 {
		return nil, fmt.Errorf("%w: the file has %d names, and may be a link to another user's", ErrDamaged, n)
	}
	head := make([]byte, min(info.Size(), maxHeader))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	line, _, ok := bytes.Cut(head, []byte{'\n'})
	if !ok {
		return nil, fmt.Errorf("%w: no line in front of the message", ErrDamaged)
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, fmt.Errorf("%w: its first line: %w", ErrDamaged, err)
	}
	if h.Version > version {
		return nil, fmt.Errorf("version %d, and only %d is known here", h.Version, version)
	}
	if h.Version != version {
		return nil, fmt.Errorf("%w: its first line has no version", ErrDamaged)
	}
	if err := check(h.Lesson); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	at := int64(len(line)) + 1
	return &file{File: f, lesson: h.Lesson, at: at, size: info.Size() - at, owner: owner(info)}, nil
}
