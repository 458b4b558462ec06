package maildir

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
)

// transfer is one message on its way.
type transfer struct {
	*mover
	from, to string      // paths
	info     fs.FileInfo // of the file
	base     string      // of its name in the target
	end      string      // of that name
	part     string      // of the folder: new only for what was there and has no flags
}

// newTransfer finds the name that the message gets.
func (m *mover) newTransfer(from string, info fs.FileInfo) *transfer {
	name := path.Base(from)
	_, suffix, flagged := strings.Cut(name, ":")
	_, extra, hasExtra := strings.Cut(strings.TrimPrefix(suffix, "2,"), ",")
	old := parseFileName(name)
	t := &transfer{mover: m, from: from, info: info, base: old.base, end: m.infos[old.letters], part: "/cur"}
	switch {
	case t.end == "" && !flagged && path.Base(path.Dir(from)) == "new":
		t.part = "/new"
	case t.end == "":
		t.end = infoSep
	}
	if hasExtra {
		t.end += "," + extra
	}
	t.setPath()
	return t
}

func (t *transfer) setPath() { t.to = t.mover.to.dir + t.part + "/" + t.base + t.end }

// carry moves the file. It is false without an error when the message is not there any
// more under its name.
func (t *transfer) carry() (moved bool, err error) {
	base := t.base
	left := "" // what a crash left in the target
	if t.taken[base] {
		if left, err = t.leftBehind(); err != nil {
			return false, err
		}
		host, err := t.store.cache.host()
		if err != nil {
			return false, err
		}
		_, sizes, _ := strings.Cut(base, ",")
		t.base = uniqueName(t.store.now(), t.store.pid, host) + strings.TrimSuffix(","+sizes, ",")
		t.setPath()
	}
	switch {
	case left != "":
		if err := fsx.SyncDir(t.store.fs, path.Dir(left)); err != nil {
			return false, err
		}
		moved, err = t.gone(t.store.fs.Remove(t.from))
	case t.sameKind:
		moved, err = t.gone(t.store.fs.Rename(t.from, t.to))
		if errors.Is(err, syscall.EXDEV) { // a file system of its own in the midst of a folder
			moved, err = t.copy()
		}
	default:
		moved, err = t.copy()
	}
	t.taken[base] = t.taken[base] || moved
	return moved, err
}

// gone makes "false" of the error that says that the source is not there.
func (t *transfer) gone(err error) (bool, error) {
	if !errors.Is(err, fs.ErrNotExist) {
		return err == nil, err
	}
	if _, lookErr := t.store.fs.Lstat(t.from); lookErr == nil {
		return false, err // it is the target's directory that is missing
	}
	return false, nil
}

// leftBehind gives the file of the target that a crash left there between copying and
// removing: one of the same name and the same bytes. Renaming leaves none.
func (t *transfer) leftBehind() (string, error) {
	if t.sameKind {
		return "", nil
	}
	found, err := t.store.find(t.mover.to, t.base)
	if err != nil || found == "" {
		return "", err
	}
	same, err := t.sameBytes(found)
	if err != nil || !same {
		return "", err
	}
	return found, nil
}

func (t *transfer) sameBytes(name string) (bool, error) {
	a, err := t.open(t.from)
	if err != nil {
		return false, err
	}
	defer a.Close() // nothing was written
	b, err := t.open(name)
	if err != nil {
		return false, err
	}
	defer b.Close()
	bufA, bufB := make([]byte, bufferSize), make([]byte, bufferSize)
	for {
		n, errA := io.ReadFull(a, bufA)
		k, errB := io.ReadFull(b, bufB)
		if !bytes.Equal(bufA[:n], bufB[:k]) {
			return false, nil
		}
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return false, err
			}
		}
		if errA != nil {
			return true, nil
		}
	}
}

func (t *transfer) open(name string) (fsx.File, error) {
	f, _, err := fsx.OpenRegular(t.store.fs, name, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	return f, err
}

// copy makes a copy that is durable under its name before the source is removed. When
// that cannot be removed, or is not there any more, the copy is taken back.
func (t *transfer) copy() (moved bool, err error) {
	s := t.store
	tmp := t.mover.to.dir + "/tmp/" + t.base
	if err := t.write(tmp); err != nil {
		return t.gone(err)
	}
	if err := s.fs.Rename(tmp, t.to); err != nil {
		return false, errors.Join(err, s.fs.Remove(tmp))
	}
	err = fsx.SyncDir(s.fs, path.Dir(t.to))
	if err == nil {
		moved, err = t.gone(s.fs.Remove(t.from))
	}
	if !moved {
		p := &pending{store: s, folder: t.mover.to, base: t.base, path: t.to}
		_, back := p.removePublished()
		err = errors.Join(err, back)
	}
	return moved, err
}

// write makes the file in tmp. On error nothing of it is left.
func (t *transfer) write(tmp string) error {
	s := t.store
	from, err := t.open(t.from)
	if err != nil {
		return err
	}
	defer from.Close() // nothing was written
	to, err := s.create(tmp, t.perm)
	if errors.Is(err, fs.ErrExist) { // left by a process that ended: we hold the lock of the source
		if err = s.fs.Remove(tmp); err == nil {
			to, err = s.create(tmp, t.perm)
		}
	}
	if err != nil {
		return err
	}
	n, err := io.Copy(to, from)
	if err == nil && n != t.info.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = s.fs.Chtimes(tmp, t.info.ModTime(), t.info.ModTime())
	}
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return errors.Join(err, s.fs.Remove(tmp))
	}
	return nil
}
