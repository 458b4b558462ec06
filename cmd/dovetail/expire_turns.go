package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"dovetail/internal/mailerr"
)

// turns opens the file of the turns. Its folder is made, as that of the database is, unless
// somebody has named the file.
func (o *expireOptions) turns(stateURL string) (*turns, error) {
	if o.next != "" {
		return openTurns(o.next)
	}
	dir := "/var/lib/dovetail"
	if path, ok := strings.CutPrefix(stateURL, "sqlite:"); ok {
		dir = filepath.Dir(path)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	return openTurns(filepath.Join(dir, "expire.next"))
}

// turns are those of the users in a run. Their file is locked as long as the run goes on,
// so that there is one at a time, and holds the name of the first user who had no turn
// yet: with that one the next run begins, however this one ends. It is gone when all had
// theirs. A nil one remembers nothing.
type turns struct {
	file *os.File

	mu    sync.Mutex
	names []string        // of the users, in the order of this run
	ended map[string]bool // those who had their turn
	first int             // of names, the first who had none
	err   error           // of the file
}

// errUnderWay says that somebody else expires mail.
var errUnderWay = errors.New("another run of dovetail expire is under way")

// openTurns opens and locks the file. The lock goes with the process, whatever ends it.
func openTurns(name string) (*turns, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || err == nil && !isAt(f, name) { // the other one is just ending
		err = mailerr.Temp(fmt.Errorf("%w: %s is locked", errUnderWay, name), "")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &turns{file: f}, nil
}

// isAt tells whether an open file is still the one of a name.
func isAt(f *os.File, name string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(open, there)
}

// order has the users begin with the one that the file names.
func (t *turns) order(all []string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(all) == 0 {
		return nil // nobody knows who there is
	}
	text, err := io.ReadAll(io.NewSectionReader(t.file, 0, 4096))
	t.err = err
	line, _, _ := bytes.Cut(text, []byte("\n"))
	first := max(slices.Index(all, string(line)), 0)
	t.names, t.ended = slices.Concat(all[first:], all[:first]), map[string]bool{}
	t.write()
	return t.names
}

// done notes that a user has had a turn.
func (t *turns) done(name string) {
	if t == nil || len(t.names) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended[name] = true
	before := t.first
	for t.first < len(t.names) && t.ended[t.names[t.first]] {
		t.first++
	}
	if t.first > before {
		t.write()
	}
}

// write writes down the first user who had no turn yet. What is behind the line counts for
// nothing, if a process is killed before it is cut off.
func (t *turns) write() {
	line := ""
	if t.first < len(t.names) {
		line = t.names[t.first] + "\n"
	}
	_, err := t.file.WriteAt([]byte(line), 0)
	if err == nil {
		err = t.file.Truncate(int64(len(line)))
	}
	if t.err == nil {
		t.err = err
	}
}

// close gives the lock back, and an error if the next run may not know where to begin.
func (t *turns) close() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := t.file.Stat()
	if err == nil && info.Size() == 0 {
		err = os.Remove(t.file.Name())
	}
	if err = errors.Join(t.err, err, t.file.Close()); err != nil {
		return fmt.Errorf("remembering where to go on: %w", err)
	}
	return nil
}
