package fsx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Dir is an open directory. Its files are reached without its path being walked again,
// and read into the caller's memory: it is for going over thousands of them.
type Dir interface {
	io.Closer
	// ReadNames gives the names of the files, without . and .., as they come, once. A
	// name is valid up to the return of give.
	ReadNames(give func(name []byte)) error
	// Lstat fills st with what the kernel knows of a file.
	Lstat(name string, st *unix.Stat_t) error
	// ReadStart reads the beginning of a file, which is all of it when it does not
	// fill buf. It waits for no pipe and follows no symbolic link.
	ReadStart(name string, buf []byte) (int, error)
}

// OpenDir opens a directory.
func (OS) OpenDir(name string) (Dir, error) {
	fd, err := retry(func() (int, error) { return unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &osDir{fd: fd, name: name}, nil
}

type osDir struct {
	fd   int
	name string
}

func (d *osDir) fault(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.name + "/" + name, Err: err}
}

// direntsSize is how many bytes of entries are asked for at a time.
const direntsSize = 64 << 10

func (d *osDir) ReadNames(give func(name []byte)) error {
	buf := make([]byte, direntsSize)
	for {
		n, err := retry(func() (int, error) { return unix.Getdents(d.fd, buf) })
		if n <= 0 {
			return d.fault("readdir", "", err)
		}
		for entries := buf[:n]; len(entries) > 0; {
			// struct linux_dirent64, getdents64(2): the name ends with a NUL.
			const lengthAt, nameAt = 16, 19
			length := binary.NativeEndian.Uint16(entries[lengthAt:])
			name := entries[nameAt:length]
			name = name[:bytes.IndexByte(name, 0)]
			if string(name) != "." && string(name) != ".." {
				give(name)
			}
			entries = entries[length:]
		}
	}
}

func (d *osDir) Lstat(name string, st *unix.Stat_t) error {
	return d.fault("lstat", name, unix.Fstatat(d.fd, name, st, unix.AT_SYMLINK_NOFOLLOW))
}

func (d *osDir) ReadStart(name string, buf []byte) (int, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := retry(func() (int, error) { return unix.Openat(d.fd, name, flags, 0) })
	if err != nil {
		return 0, d.fault("open", name, err)
	}
	defer unix.Close(fd) // nothing was written
	// A pipe or a directory cannot be read like this, which is an error.
	n, err := retry(func() (int, error) { return unix.Pread(fd, buf, 0) })
	return max(n, 0), d.fault("read", name, err)
}

func (d *osDir) Close() error { return d.fault("close", "", unix.Close(d.fd)) }

// retry calls f until no signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
