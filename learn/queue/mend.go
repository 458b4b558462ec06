package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Mend tells what is wrong with the directory of a queue that gave err, and how to
// mend it: its owner and mode, and who we are.
func Mend(dir string, err error) string {
	we := fmt.Sprintf("this process has uid %d and gid %d", os.Geteuid(), os.Getegid())
	info, statErr := os.Stat(dir)
	switch {
	case errors.Is(statErr, fs.ErrNotExist):
		return fmt.Sprintf("The directory %s does not exist; %s. Make it with 'install -d -m 1777 %s' where each user has an own uid, or with 'install -d -m 700 -o UID %s' where one UID has all mail; [learn] queue_dir names another one.",
			dir, we, dir, dir)
	case statErr != nil:
		return fmt.Sprintf("The directory %s cannot be looked at; %s: each directory above it must let that uid pass (chmod a+x).", dir, we)
	}
	is := fmt.Sprintf("The directory %s belongs to uid %d and gid %d and has mode %s; %s.",
		dir, owner(info), info.Sys().(*syscall.Stat_t).Gid, octal(info.Mode()), we)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s Where each user has an own uid, 'chown root %s; chmod 1777 %s' mends it; where one uid has all mail, 'chown UID %s; chmod 700 %s'.",
			is, dir, dir, dir, dir)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return is + fmt.Sprintf(" Its file system, or this uid's quota there, is full: see 'df %s', 'df -i %s' and 'quota'.", dir, dir)
	case errors.Is(err, syscall.EROFS):
		return is + " Its file system is read-only: see the kernel's log."
	}
	return is
}

// octal writes a mode as chmod takes it.
func octal(mode fs.FileMode) string {
	perm := uint32(mode.Perm())
	if mode&fs.ModeSticky != 0 {
		perm |= 0o1000
	}
	return fmt.Sprintf("%04o", perm)
}
