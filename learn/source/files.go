package source

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"dovetail/internal/decompress"
	"dovetail/internal/fsx"
	"dovetail/internal/message"
)

// files are messages of one file each.
type files struct {
	names []string
	o     Options
}

func openDir(ctx context.Context, root string, o Options) (Source, error) {
	f := &files{o: o}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case entry.IsDir():
			if path != root && entry.Name() == "tmp" && isMaildir(filepath.Dir(path)) {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular() || !isMessage(path):
			return nil
		}
		if !o.Since.IsZero() {
			info, err := entry.Info()
			if err != nil {
				return nil //nolint:nilerr // it went meanwhile, as messages do
			}
			if info.ModTime().Before(o.Since) {
				return nil
			}
		}
		f.names = append(f.names, path)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", root, err)
	}
	return f, nil
}

// isMessage tells whether a file of a directory is a message, by its place and name.
func isMessage(path string) bool {
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "dovecot") {
		return false
	}
	if last := filepath.Base(dir); (last == "cur" || last == "new") && isMaildir(filepath.Dir(dir)) {
		return true
	}
	return !isMaildir(dir)
}

func isMaildir(dir string) bool {
	for _, part := range []string{"cur", "new"} {
		if info, err := os.Lstat(filepath.Join(dir, part)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

func (f *files) Total() int { return len(f.names) }

func (f *files) Close() error { return nil }

func (f *files) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for _, name := range f.names {
			if ctx.Err() != nil {
				yield(Message{}, ctx.Err())
				return
			}
			m, err := f.read(name)
			if os.IsNotExist(err) {
				continue // moved or renamed since it was listed
			}
			if err != nil {
				err = fmt.Errorf("message %s: %w", name, err)
			}
			if !yield(Message{name, m}, err) {
				return
			}
		}
	}
}

func (f *files) read(name string) (*message.Message, error) {
	// A user may have put a link or a FIFO there meanwhile.
	file, _, err := fsx.OpenRegular(fsx.OS{}, name, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := decompress.Reader(file)
	if err != nil {
		return nil, err
	}
	return readMessage(r, f.o.MaxSize)
}
