package main

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// nextFile gives the file that a stopped run leaves behind.
func (o *expireOptions) nextFile(stateURL string) string {
	dir := "/var/lib/dovetail"
	if path, ok := strings.CutPrefix(stateURL, "sqlite:"); ok {
		dir = filepath.Dir(path)
	}
	if o.next != "" {
		return o.next
	}
	return filepath.Join(dir, "expire.next")
}

// resume has a run begin with the user that the one before ended with. Its file has the
// name of that user, and is there only between the two.
type resume struct {
	file string

	mu    sync.Mutex
	names []string        // of the users, in the order of this run
	ended map[string]bool // those who had their turn
}

// order turns the users around.
func (r *resume) order(names iter.Seq2[string, error]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var all []string
		var failed error
		for name, err := range names {
			if err != nil {
				failed = err
				break
			}
			all = append(all, name)
		}
		first, err := os.ReadFile(r.file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !yield("", fmt.Errorf("where the run before ended: %w", err)) {
			return
		}
		if i := slices.Index(all, strings.TrimSuffix(string(first), "\n")); i > 0 {
			all = slices.Concat(all[i:], all[:i])
		}
		r.mu.Lock()
		r.names, r.ended = all, map[string]bool{}
		r.mu.Unlock()
		for _, name := range all {
			if !yield(name, nil) {
				return
			}
		}
		if failed != nil {
			yield("", failed)
		}
	}
}

// done notes that a user has had a turn. A run that remembers nothing has none.
func (r *resume) done(name string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[name] = true
}

// save writes down the first user who had no turn yet.
func (r *resume) save() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.names) == 0 {
		return nil // nobody knows who there is
	}
	i := slices.IndexFunc(r.names, func(name string) bool { return !r.ended[name] })
	if i < 0 {
		err := os.Remove(r.file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := os.WriteFile(r.file, []byte(r.names[i]+"\n"), 0o600); err != nil {
		return fmt.Errorf("remembering where to go on: %w", err)
	}
	return nil
}
