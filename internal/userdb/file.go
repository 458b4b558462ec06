package userdb

import (
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// File keeps a file parsed in memory and reads it again when it has changed
// (time, size or inode), which each Get finds out with one stat.
type File[T any] struct {
	Path  string
	Parse func(r io.Reader) (T, error)

	mu    sync.Mutex
	value T
	stamp stamp
	racy  bool // changed so shortly before it was read that a further change could look the same
	half  bool
}

type stamp struct {
	mtime time.Time
	size  int64
	inode uint64
}

const (
	// clockTick is how long two changes of a file may bear the same time.
	clockTick = 50 * time.Millisecond
	// writing is how long an incomplete file counts as being written.
	writing = 10 * time.Second
)

// Get gives the parsed content. Half tells that the file looks as if somebody
// were just writing it (it is empty or its last line has no end, and it changed
// within the last seconds): what is missing in it may come yet.
func (f *File[T]) Get() (value T, half bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.Path)
	if err != nil {
		return value, false, Access(f.Path, err)
	}
	if s := stampOf(info); s != f.stamp || f.racy {
		if err := f.read(); err != nil {
			f.stamp = stamp{}
			return value, false, Access(f.Path, err)
		}
	}
	return f.value, f.half && time.Since(f.stamp.mtime) < writing, nil
}

func (f *File[T]) read() error {
	began := time.Now()
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	in := &lastByte{r: file}
	value, err := f.Parse(in)
	if err != nil {
		return err
	}
	f.value, f.stamp, f.half = value, stampOf(info), in.last != '\n'
	f.racy = began.Sub(f.stamp.mtime) < clockTick
	return nil
}

func stampOf(info os.FileInfo) stamp {
	s := stamp{mtime: info.ModTime(), size: info.Size()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = st.Ino
	}
	return s
}

// lastByte remembers the last byte that was read.
type lastByte struct {
	r    io.Reader
	last byte
}

func (l *lastByte) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if n > 0 {
		l.last = p[n-1]
	}
	return n, err
}
