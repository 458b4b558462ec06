// Package diskfloor measures what a disk allows a durable Maildir delivery,
// whatever program does it: how many files per second can be created in tmp/,
// written, brought to the disk, renamed into new/, with the new name brought to
// the disk too, by a number of goroutines at once.
//
// There are two ways of bringing them to the disk (see Method). The figures are
// the floor that the benchmark shows beside the mail servers.
package diskfloor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Method is a way of making files durable.
type Method int

const (
	// Each syncs every file, and then the directory it was renamed into.
	Each Method = iota
	// Shared lets one syncfs(2) cover the files of all goroutines that wait for
	// it, and another one their names.
	Shared
)

func (m Method) String() string {
	if m == Shared {
		return "shared syncfs"
	}
	return "fsync each"
}

// Options says what to write. Zero values mean: 1 goroutine, 1000 files of
// 4096 bytes over 100 directories.
type Options struct {
	Dir        string // must exist; the mail directories are made in it and left there
	Method     Method
	Goroutines int
	Files      int
	Size       int // bytes of each file
	Dirs       int // mail directories to spread over
}

// Result is what one run took.
type Result struct {
	PerSecond float64       // durable files per second
	P50, P99  time.Duration // from the creation of a file to its durability
	Syncs     int64         // calls of syncfs; 0 for Each
}

func (o *Options) setDefaults() {
	for _, d := range []struct {
		field *int
		value int
	}{{&o.Goroutines, 1}, {&o.Files, 1000}, {&o.Size, 4096}, {&o.Dirs, 100}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
}

// Run writes the files and returns how fast that was.
func Run(ctx context.Context, o Options) (Result, error) {
	o.setDefaults()
	for i := range o.Dirs {
		for _, sub := range []string{"tmp", "new"} {
			if err := os.MkdirAll(filepath.Join(o.Dir, strconv.Itoa(i), sub), 0o700); err != nil {
				return Result{}, fmt.Errorf("making the mail directories: %w", err)
			}
		}
	}
	store := func(f file) error { return f.storeSynced() }
	var shared *barrier
	if o.Method == Shared {
		var err error
		if shared, err = newBarrier(o.Dir); err != nil {
			return Result{}, err
		}
		defer shared.root.Close()
		store = func(f file) error { return f.storeShared(shared) }
	}
	latencies := make([]time.Duration, o.Files)
	data := bytes.Repeat([]byte("0123456789abcde\n"), o.Size/16+1)[:o.Size]
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	start := time.Now()
	for range o.Goroutines {
		group.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= o.Files {
					return nil
				}
				begin := time.Now()
				if err := store(newFile(o, i, data)); err != nil {
					return err
				}
				latencies[i] = time.Since(begin)
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return Result{}, fmt.Errorf("writing files durably: %w", err)
	}
	took := time.Since(start)
	sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
	result := Result{
		PerSecond: float64(o.Files) / took.Seconds(),
		P50:       latencies[len(latencies)/2],
		P99:       latencies[len(latencies)*99/100],
	}
	if shared != nil {
		result.Syncs = shared.finished
	}
	return result, nil
}

// file is one message on its way.
type file struct {
	tmp, dir, name string
	data           []byte
}

func newFile(o Options, i int, data []byte) file {
	mailbox := filepath.Join(o.Dir, strconv.Itoa(i%o.Dirs))
	name := fmt.Sprintf("%d.M%dP%d", o.Goroutines, i, os.Getpid())
	return file{tmp: filepath.Join(mailbox, "tmp", name), dir: filepath.Join(mailbox, "new"), name: name, data: data}
}

func (f file) write(sync bool) error {
	w, err := os.OpenFile(f.tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(f.data)
	if err == nil && sync {
		err = w.Sync()
	}
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (f file) rename() error { return os.Rename(f.tmp, filepath.Join(f.dir, f.name)) }

func (f file) storeSynced() error {
	if err := f.write(true); err != nil {
		return err
	}
	if err := f.rename(); err != nil {
		return err
	}
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (f file) storeShared(b *barrier) error {
	if err := f.write(false); err != nil {
		return err
	}
	if err := b.wait(); err != nil {
		return err
	}
	if err := f.rename(); err != nil {
		return err
	}
	return b.wait()
}
