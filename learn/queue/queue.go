// Package queue keeps lessons on disk until they are taught, so that a user who
// moves a message waits for no classifier, and no lesson is lost.
//
// # The directory
//
// A queue is one directory. A lesson in it is one file:
//
//	20261121T135449.123456789-5f3a09c1d2e4b786
//
// that is the time of the lesson (UTC) and a random number, so that names sort by
// time. The file has one line of JSON, {"version":1,"lesson":{…}}, and behind it
// the message with LF line ends. It is written under the name tmp.NAME, synced,
// renamed, and the directory is synced: what has a name without tmp. is whole.
// A file tmp.NAME that a crash left is taken away by Clean. The file .lock is held
// by the one process that drains. All other names are left alone.
//
// # Who may
//
// Where all mail belongs to one uid, the directory is that uid's, mode 0700. Where
// each user has an own uid, it is root's, mode 1777 like /tmp, and only root can
// drain it, because files have mode 0600. Who may write there can say in a lesson
// what they like, so the one who drains compares Entry.Owner with the lesson's user.
// A file that root puts into a directory of another uid is given to that uid, which
// could not read it otherwise.
//
// Reading follows no symbolic link, waits for no FIFO, and refuses a file that has
// a second name, since that may be a hard link to a file of somebody else.
//
// # Limits
//
// Nothing here bounds what one user fills the disk with: who may write into the directory
// may give files any name and remove none of others, so that what the reader takes away, or
// what Put would refuse, changes nothing for who means ill. Quotas of the file system do, or
// one of its own. In mode 0700 nobody writes but its owner: then the sockets of
// dovetail-learnd are the only way in, and it takes no more of a uid that has too much
// there already (package teach, which also bounds what one user takes of its memory and time).
package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"dovetail/internal/fsx"
)

// Modes of the directory.
const (
	ModeOwn    = 0o700                       // all mail belongs to one uid
	ModeShared = 0o777 | fs.ModeSticky       // each user has an own uid
	fileMode   = fs.FileMode(0o600)          // of a lesson
	tmpPrefix  = "tmp."                      // of a lesson that is being written
	lockName   = ".lock"                     // held by the process that drains
	tmpKept    = 36 * time.Hour              // how long a file tmp.NAME may be written
	timeFormat = "20060102T150405.000000000" // of names
)

// Queue is a queue in a directory. It is safe for concurrent use by several
// processes.
type Queue struct {
	MaxSize int64 // bytes of a message that is read; 0: no bound. Set before the first use.

	dir  string
	fsys fsx.FS
}

// Open gives the queue in a directory that exists.
func Open(dir string, fsys fsx.FS) (*Queue, error) {
	info, err := fsys.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the learn queue: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("opening the learn queue: %w", &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR})
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return nil, fmt.Errorf("opening the learn queue: others may write to %s, which has mode %04o: without the sticky bit they could remove lessons (chmod 1777 %s)",
			dir, info.Mode().Perm(), dir)
	}
	return &Queue{dir: dir, fsys: fsys}, nil
}

// Make makes the directory of a queue with the mode (ModeOwn or ModeShared), and
// the directories above it. One that exists stays as it is.
func Make(dir string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("making the learn queue: %w", err)
	}
	if err := os.Mkdir(dir, ModeOwn); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("making the learn queue: %w", err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		return fmt.Errorf("making the learn queue: %w", err)
	}
	return nil
}

// Dir gives the queue's directory.
func (q *Queue) Dir() string { return q.dir }

func (q *Queue) path(name string) string { return q.dir + "/" + name }

// Remove takes lessons off the queue, durably. One that is gone already is no error.
func (q *Queue) Remove(ids ...string) error {
	var errs []error
	for _, id := range ids {
		if err := checkID(id); err != nil {
			errs = append(errs, err)
			continue
		}
		if err := q.fsys.Remove(q.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("taking a lesson off the queue: %w", err))
		}
	}
	if err := fsx.SyncDir(q.fsys, q.dir); err != nil {
		errs = append(errs, err)
	}
	return some(errs)
}

// some joins errors, of many the first ones: they are of as many files as somebody made.
func some(errs []error) error {
	const most = 10
	if n := len(errs) - most; n > 0 {
		errs = append(errs[:most:most], fmt.Errorf("and %d more", n))
	}
	return errors.Join(errs...)
}

// Clean removes files that a crash left half-written: those that nobody wrote to
// for 36 hours before now, as with Maildir's tmp. It tells how many there were.
func (q *Queue) Clean(now time.Time) (int, error) {
	entries, err := q.fsys.ReadDir(q.dir)
	if err != nil {
		return 0, fmt.Errorf("reading the learn queue: %w", err)
	}
	n := 0
	var errs []error
	for _, entry := range entries {
		name := entry.Name()
		if !isTmp(name) {
			continue
		}
		info, err := q.fsys.Lstat(q.path(name))
		if err == nil && info.ModTime().Before(now.Add(-tmpKept)) {
			if err = q.fsys.Remove(q.path(name)); err == nil {
				n++
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing what a crash left in the learn queue: %w", err))
		}
	}
	return n, some(errs)
}
