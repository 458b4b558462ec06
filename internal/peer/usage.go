package peer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc, USER_HZ, which is 100 on all
// architectures of Linux that Go knows.
const clockTick = 10 * time.Millisecond

// Usage is what a server and its child processes use.
type Usage struct {
	CPU time.Duration // user and system, of ended children too
	PSS int64         // bytes of memory; pages shared by n processes count 1/n
}

// Usage returns what the server uses now.
func (p *Process) Usage() (Usage, error) {
	pids, err := tree(p.PID())
	if err != nil {
		return Usage{}, err
	}
	var total Usage
	for _, pid := range pids {
		cpu, err := cpuTime(pid)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return Usage{}, err
		}
		total.CPU += cpu
		total.PSS += pss(pid)
	}
	return total, nil
}

// tree returns a process and all below it.
func tree(root int) ([]int, error) {
	children := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, name := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		fields, err := statFields(pid)
		if err != nil {
			continue // it has ended meanwhile
		}
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
	}
	pids := []int{root}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, children[pids[i]]...)
	}
	return pids, nil
}

// statFields returns the fields of /proc/PID/stat from the third, the state, on:
// the name before them may hold spaces.
func statFields(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 15 {
		return nil, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	return fields, nil
}

// cpuTime adds utime, stime, cutime and cstime (proc(5)).
func cpuTime(pid int) (time.Duration, error) {
	fields, err := statFields(pid)
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// pss returns 0 for a process that has ended.
func pss(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == "Pss:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}
