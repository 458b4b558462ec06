package fsx

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Credentials are the rights that files are touched with.
type Credentials struct {
	UID, GID uint32
	Groups   []uint32 // supplementary groups
}

// Do runs f with these credentials and no other rights: whatever path f opens,
// through whatever symbolic link a user made, the kernel checks it as that user,
// and what f creates is the user's.
//
// A process of root switches the effective ids of one operating-system thread
// for the time of f, which also drops every capability (file access, chown, and
// the right to use reserved disk blocks and exceed disk quotas). f must not start
// goroutines that need the rights. A process that is not root runs f as it is and
// fails when these are not its own ids.
//
// The first call takes root's own supplementary groups off the process for good,
// so that only users who have such groups pay for setting them.
func (c Credentials) Do(f func() error) error {
	if euid := os.Geteuid(); euid != 0 {
		if uint32(euid) != c.UID {
			return fmt.Errorf("acting as uid %d needs root: this process has uid %d", c.UID, euid)
		}
		return f()
	}
	if c.UID == 0 {
		return fmt.Errorf("refusing to act for a user with uid 0")
	}
	if err := dropGroups(); err != nil {
		return fmt.Errorf("dropping root's supplementary groups: %w", err)
	}
	// While locked, the goroutine is alone on its thread. If the rights cannot be
	// restored the lock stays, and the thread ends with the goroutine.
	runtime.LockOSThread()
	if err := c.take(); err != nil {
		if c.restore() == nil {
			runtime.UnlockOSThread()
		}
		return fmt.Errorf("taking the rights of uid %d, gid %d: %w", c.UID, c.GID, err)
	}
	defer func() {
		if err := c.restore(); err != nil {
			panic(fmt.Sprintf("fsx: this thread cannot get its rights back: %v", err))
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// take sets groups first, while the thread still may. The calls are raw: package
// syscall's own change all threads of the process, which is what must not happen.
func (c Credentials) take() error {
	if len(c.Groups) > 0 {
		if err := setgroups(c.Groups); err != nil {
			return err
		}
	}
	if _, _, e := syscall.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(c.GID), keep); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(c.UID), keep); e != 0 {
		return e
	}
	return nil
}

// keep leaves an id of setresuid(2) as it is.
const keep = ^uintptr(0)

var dropGroups = sync.OnceValue(func() error { return syscall.Setgroups(nil) })

func (c Credentials) restore() error {
	if _, _, e := syscall.RawSyscall(unix.SYS_SETRESUID, keep, 0, keep); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(os.Getgid()), keep); e != 0 {
		return e
	}
	if len(c.Groups) > 0 {
		return setgroups(nil)
	}
	return nil
}

func setgroups(groups []uint32) error {
	var p unsafe.Pointer
	if len(groups) > 0 {
		p = unsafe.Pointer(&groups[0])
	}
	if _, _, e := syscall.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(p), 0); e != 0 {
		return e
	}
	return nil
}
