package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
)

// permissions are what new files and folders get, as Dovecot takes them from the
// folder that they are in.
type permissions struct {
	mode fs.FileMode // of directories; files have it without the execute bits
	gid  int         // -1: what the kernel gives
	dev  uint64      // file system
	eff  uint32      // the group that a new file has in the end
}

// ownerOnly is for what is made where there is nothing yet.
var ownerOnly = permissions{mode: 0o700, gid: -1}

func (p permissions) fileMode() fs.FileMode { return p.mode & 0o666 }

// permissionsOf derives the permissions from a directory. Its group is taken over
// where it may do more than the world, unless the kernel does that (setgid).
func permissionsOf(info fs.FileInfo) permissions {
	p := permissions{mode: info.Mode().Perm() | 0o700, gid: -1, eff: uint32(syscall.Getegid())}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return p
	}
	p.dev = st.Dev
	switch group, world := p.mode>>3&7, p.mode&7; {
	case info.Mode()&fs.ModeSetgid != 0:
		p.mode |= fs.ModeSetgid
		p.eff = st.Gid
	case group != world && st.Gid != p.eff:
		p.gid = int(st.Gid)
		p.eff = st.Gid
	}
	return p
}

// create makes a new file for writing. The error wraps fs.ErrExist when there is
// one of that name, which may be a symbolic link.
func (s *Store) create(path string, perm permissions) (fsx.File, error) {
	f, err := s.fs.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := apply(f, perm, perm.fileMode()); err != nil {
		return nil, errors.Join(err, f.Close(), s.fs.Remove(path))
	}
	return f, nil
}

// apply sets group and mode of what was just made for the owner alone, so that no
// other group ever has the rights that are meant for this one, and the umask does
// not matter.
func apply(f fsx.File, perm permissions, mode fs.FileMode) error {
	if perm.gid >= 0 {
		if err := f.Chown(-1, perm.gid); errors.Is(err, syscall.EPERM) {
			mode &^= 0o070 // not for the group that it has instead
		} else if err != nil {
			return fmt.Errorf("setting the group: %w", err)
		}
	}
	if mode&^0o700 == 0 {
		return nil
	}
	return f.Chmod(mode)
}

// makeDir makes one directory; one that exists is left as it is.
func (s *Store) makeDir(path string, perm permissions) (made bool, err error) {
	if err := s.fs.Mkdir(path, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return false, nil
		}
		return false, err
	}
	if perm.mode == 0o700 && perm.gid < 0 {
		return true, nil
	}
	d, err := s.fs.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return true, err
	}
	return true, errors.Join(apply(d, perm, perm.mode), d.Close())
}

// makeDirs makes a directory and those above it that are missing. It gives the
// directories whose entries it changed.
func (s *Store) makeDirs(path string, perm permissions) (changed []string, err error) {
	made, err := s.makeDir(path, perm)
	parent := filepath.Dir(path)
	if errors.Is(err, fs.ErrNotExist) && parent != path {
		if changed, err = s.makeDirs(parent, perm); err != nil {
			return changed, err
		}
		made, err = s.makeDir(path, perm)
	}
	if made {
		changed = append(changed, parent)
	}
	if err != nil {
		return changed, mailerr.FromErrno(fmt.Errorf("making the directory: %w", err))
	}
	return changed, nil
}

// syncDir makes the directory entry of path durable.
func (s *Store) syncDir(path string) error {
	if err := fsx.SyncDir(s.fs, filepath.Dir(path)); err != nil {
		return mailerr.FromErrno(err)
	}
	return nil
}
