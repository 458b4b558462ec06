package queue

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Holder tells which process holds the queue's lock, for people: "process 1234
// (dovetail-learnd)". It is empty when that cannot be told, as for a process of
// another user namespace.
func (q *Queue) Holder() string {
	info, err := q.fsys.Stat(q.path(lockName))
	if err != nil {
		return ""
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return ""
	}
	defer locks.Close()
	// A line is: 1: FLOCK ADVISORY WRITE 1234 fe:01:567 0 EOF, with the device in
	// hexadecimal (not always stat's: see btrfs) and the inode in decimal.
	inode := fmt.Sprintf(":%d", info.Sys().(*syscall.Stat_t).Ino)
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[1] != "FLOCK" || !strings.HasSuffix(f[5], inode) {
			continue
		}
		name, err := os.ReadFile("/proc/" + f[4] + "/comm")
		if err != nil {
			return "process " + f[4]
		}
		return fmt.Sprintf("process %s (%s)", f[4], strings.TrimSpace(string(name)))
	}
	return ""
}
