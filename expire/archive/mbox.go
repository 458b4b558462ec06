package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mbox"
	"dovetail/internal/message"
)

// mboxKeeper keeps messages in an mbox file.
type mboxKeeper struct {
	o     *Options
	path  string
	text  *message.Spool // of the batch
	batch []record       // with their begins in text
	index *index         // as it was at the last flush; its file is closed
}

func (k *mboxKeeper) add(_ context.Context, m *item) error {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", m.base)
	if _, err := io.Copy(h, m.message.Open()); err != nil {
		return err
	}
	r := record{begin: k.text.Size()}
	copy(r.id[:], h.Sum(nil))
	h.Reset()
	sender, _ := m.message.Get("Return-Path")
	err := mbox.Write(io.MultiWriter(k.text, h), m.message, strings.Trim(sender, "<> \t"), m.received, m.flags)
	copy(r.sum[:], h.Sum(nil))
	r.length = k.text.Size() - r.begin
	k.batch = append(k.batch, r)
	return err
}

func (k *mboxKeeper) waiting() (int64, int) { return k.text.Size(), 0 }

func (k *mboxKeeper) close() error {
	k.batch = nil
	return k.text.Reset()
}

func (k *mboxKeeper) flush(ctx context.Context) (err error) {
	if len(k.batch) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			err = mailerr.FromErrno(fmt.Errorf("writing %d messages to %s: %w", len(k.batch), k.path, err))
		}
	}()
	if err := makeDirs(k.o.FS, filepath.Dir(k.path)); err != nil {
		return err
	}
	unlock, err := k.lock(ctx)
	if err != nil {
		return err
	}
	err = k.flushLocked(ctx)
	if unlockErr := unlock(); unlockErr != nil { // it is void for others when this process has ended
		k.o.warn(fmt.Errorf("giving back the lock: %w", unlockErr))
	}
	if err != nil {
		return err
	}
	return k.close()
}

// flushLocked writes what the file does not have yet.
func (k *mboxKeeper) flushLocked(ctx context.Context) error {
	f, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer f.file.Close() // synced before
	x, err := openIndex(k.o.FS, k.indexName(), k.index)
	if err != nil {
		return err
	}
	defer x.file.Close() // synced before
	k.index = nil
	if x.made || f.size == 0 {
		if err := fsx.SyncDir(k.o.FS, filepath.Dir(k.path)); err != nil {
			return err
		}
	}
	if len(x.pending) > 0 {
		if err := k.mend(ctx, f, x); err != nil {
			return err
		}
	}
	text, records, err := k.fresh(ctx, f, x)
	if err != nil {
		return err
	}
	if err := f.append(text, records, x); err != nil {
		return err
	}
	if x.info, err = x.file.Stat(); err == nil {
		k.index = x
	}
	return err
}

func (k *mboxKeeper) indexName() string {
	dir, name := filepath.Split(k.path)
	return dir + "." + name + ".dovetail"
}

// open opens and locks the file.
func (k *mboxKeeper) open(ctx context.Context) (*mboxText, error) {
	file, _, err := fsx.OpenRegular(k.o.FS, k.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	f := &mboxText{file: file}
	if err := k.lockFile(ctx, file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	info, err := file.Stat() // it may have grown before it was locked
	if err == nil {
		f.size = info.Size()
		err = f.check()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

// fresh gives those of the batch that the file does not have, and the text to append.
func (k *mboxKeeper) fresh(ctx context.Context, f *mboxText, x *index) (text []io.Reader, records []record, err error) {
	gap, err := f.gap()
	if err != nil {
		return nil, nil, err
	}
	at := f.size + int64(len(gap))
	text = []io.Reader{strings.NewReader(gap)}
	taken := map[digest]bool{}
	for _, r := range k.batch {
		there := taken[r.id]
		if !there {
			if there, err = f.has(ctx, x, r.id); err != nil {
				return nil, nil, err
			}
		}
		taken[r.id] = true
		if there {
			continue
		}
		part, err := k.text.Section(r.begin, r.length)
		if err != nil {
			return nil, nil, err
		}
		text = append(text, part)
		r.begin = at
		at = r.end()
		records = append(records, r)
	}
	return text, records, nil
}

// mend finds out what of the last batch, in the midst of which a process died, is in
// the file, and cuts half a message off.
func (k *mboxKeeper) mend(ctx context.Context, f *mboxText, x *index) error {
	kept := 0 // of the first ones
	for _, r := range x.pending {
		whole, err := f.holds(ctx, r)
		if err != nil {
			return err
		}
		if whole {
			kept++
			continue
		}
		if r.begin >= f.size {
			break
		}
		half, err := f.isBegin(ctx, r)
		if err != nil {
			return err
		}
		if !half {
			k.o.warn(fmt.Errorf("%s: a message that was being written at byte %d was cut off by a crash, and another program has written there since", k.path, r.begin))
			break
		}
		size := f.size
		if err := f.cut(r.begin); err != nil {
			return err
		}
		k.o.warn(fmt.Errorf("%s: half a message at its end, %d bytes that a crash has left, was cut off", k.path, size-r.begin))
		break
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	return x.cut(kept, f.size)
}

// makeDirs makes a directory and those above it that are missing, for the owner alone.
func makeDirs(fsys fsx.FS, dir string) error {
	err := fsys.Mkdir(dir, 0o700)
	if errors.Is(err, os.ErrNotExist) {
		if err := makeDirs(fsys, filepath.Dir(dir)); err != nil {
			return err
		}
		err = fsys.Mkdir(dir, 0o700)
	}
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fsx.SyncDir(fsys, filepath.Dir(dir))
}
