package program

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lookInterval is the time between two looks at what is left of a session.
const lookInterval = 10 * time.Millisecond

// endSession waits for a process that leads a session to end, and kills what it
// leaves behind there: at once when ctx is done, else after pipeDelay, in which
// what still writes its output may end by itself. The leader is not reaped yet, so
// that no other process can have its number, nor that of its session.
func endSession(ctx context.Context, leader int) {
	for {
		err := unix.Waitid(unix.P_PID, leader, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	deadline := time.Now().Add(pipeDelay)
	for left := members(leader); len(left) > 0; left = members(leader) {
		if ctx.Err() != nil || time.Now().After(deadline) {
			// All of the group at once, so that none can fork meanwhile.
			_ = syscall.Kill(-leader, syscall.SIGKILL)
			for _, pid := range left {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if time.Since(deadline) > pipeDelay {
			return // it forks in other groups, faster than we kill
		}
		time.Sleep(lookInterval)
	}
}

// members gives the processes of a session but for its leader, in whatever group
// they are. Without /proc there is none to see.
func members(session int) []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what could be read
	var list []int
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		pid, err := strconv.Atoi(name)
		if err != nil || pid == session {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // gone
		}
		if of, alive := sessionOf(stat); alive && of == session {
			list = append(list, pid)
		}
	}
	return list
}

// sessionOf reads proc_pid_stat(5): the session, and whether the process is alive.
// The name before the fields may hold anything.
func sessionOf(stat []byte) (session int, alive bool) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 4 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return 0, false
	}
	session, err := strconv.Atoi(string(fields[3]))
	return session, err == nil
}
