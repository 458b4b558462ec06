package fsxtest

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
)

// DirOf gives a directory whose calls are calls of fsys with whole paths, for an FS that
// watches those.
func DirOf(fsys fsx.FS, path string) fsx.Dir { return &dirOf{fsys, path} }

type dirOf struct {
	fs   fsx.FS
	path string
}

func (d *dirOf) ReadNames(give func(name []byte)) error {
	file, err := d.fs.OpenFile(d.path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer file.Close() // nothing was written
	dir, err := fsx.OS{}.OpenDir(d.path)
	if err != nil {
		return err
	}
	return errors.Join(dir.ReadNames(give), dir.Close())
}

func (d *dirOf) Lstat(name string, st *unix.Stat_t) error {
	if _, err := d.fs.Lstat(d.path + "/" + name); err != nil {
		return err
	}
	return unix.Lstat(d.path+"/"+name, st)
}

func (d *dirOf) ReadStart(name string, buf []byte) (int, error) {
	file, err := d.fs.OpenFile(d.path+"/"+name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	n, err := file.ReadAt(buf, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, errors.Join(err, file.Close())
}

func (*dirOf) Close() error { return nil }
