package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
)

// startSize is how much of a message is read to know its header: more than most headers,
// and all of a short message.
const startSize = 8 << 10

// Viewer looks at the messages of a Scan. It keeps the mailbox's directories open, and
// reads all messages into the same memory. It is for one goroutine.
type Viewer struct {
	scan  *Scan
	dirs  [len(readParts)]fsx.Dir // nil: not opened yet
	start []byte
	st    unix.Stat_t
}

// Viewer makes one, which is to be closed.
func (sc *Scan) Viewer() *Viewer { return &Viewer{scan: sc} }

// Close closes the directories.
func (v *Viewer) Close() error {
	var all error
	for i, dir := range v.dirs {
		if dir != nil {
			v.dirs[i], all = nil, errors.Join(all, dir.Close())
		}
	}
	return all
}

// Stat is Found.Stat.
func (v *Viewer) Stat(f *Found) (Status, error) {
	st := &v.st
	err := v.look(f, func(dir fsx.Dir) error {
		err := dir.Lstat(f.file, st)
		if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
			err = fsx.ErrIrregular
		}
		return err
	})
	return Status{Received: time.Unix(st.Mtim.Unix()), Saved: time.Unix(st.Ctim.Unix()), Size: st.Size}, err
}

// Start gives the beginning of the message's file, up to the next call, and whether that
// is all of it. A file with another name by now is handled as Found.Stat does.
func (v *Viewer) Start(f *Found) (start []byte, whole bool, err error) {
	if v.start == nil {
		v.start = make([]byte, startSize)
	}
	n := 0
	err = v.look(f, func(dir fsx.Dir) (err error) {
		n, err = dir.ReadStart(f.file, v.start)
		return err
	})
	return v.start[:n], n < len(v.start), err
}

// look calls f with the directory that the message is in, again when it has another name.
func (v *Viewer) look(f *Found, do func(fsx.Dir) error) error {
	for range maxTries {
		dir, err := v.dir(f.part)
		if err == nil {
			err = do(dir)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return mailerr.FromErrno(fmt.Errorf("looking at %s: %w", f.Path(), err))
		}
		// The mailbox may have been made anew.
		if err := errors.Join(v.Close(), f.renew()); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s is renamed all the time", f.Path())
}

func (v *Viewer) dir(part uint8) (fsx.Dir, error) {
	if v.dirs[part] == nil {
		dir, err := v.scan.store.fs.OpenDir(strings.TrimSuffix(v.scan.dirs[part], "/"))
		if err != nil {
			return nil, err
		}
		v.dirs[part] = dir
	}
	return v.dirs[part], nil
}
