package diskfloor

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// barrier lets many goroutines share the calls of syncfs(2): wait returns after
// a call that began later than the wait itself, so that everything its caller
// did before is on the disk.
type barrier struct {
	root *os.File // any file of the file system

	mu       sync.Mutex
	finish   *sync.Cond
	started  int64 // calls of syncfs
	finished int64
	err      error // of the first call that failed; all later waits fail too
}

func newBarrier(dir string) (*barrier, error) {
	root, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the file system: %w", err)
	}
	b := &barrier{root: root}
	b.finish = sync.NewCond(&b.mu)
	return b, nil
}

func (b *barrier) wait() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	covered := b.started + 1 // the call under way may have begun too early
	for b.finished < covered {
		if b.started > b.finished {
			b.finish.Wait()
			continue
		}
		b.started++
		b.mu.Unlock()
		err := unix.Syncfs(int(b.root.Fd()))
		b.mu.Lock()
		if b.err == nil {
			b.err = err
		}
		b.finished++
		b.finish.Broadcast()
	}
	return b.err
}
