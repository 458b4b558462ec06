package archive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"dovetail/internal/fsx"
	"dovetail/internal/mbox"
)

// mboxText is an open mbox file.
type mboxText struct {
	file fsx.File
	size int64
}

// check tells whether it is an mbox file, or empty.
func (f *mboxText) check() error {
	begin := make([]byte, len(mbox.Begin))
	n, err := f.file.ReadAt(begin, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n > 0 && !strings.HasPrefix(mbox.Begin, string(begin[:n])) {
		return mbox.ErrNoMbox
	}
	return nil
}

// gap gives what is missing of an empty line at the end.
func (f *mboxText) gap() (string, error) {
	if f.size == 0 {
		return "", nil
	}
	last := make([]byte, min(2, f.size))
	if _, err := f.file.ReadAt(last, f.size-int64(len(last))); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	switch {
	case string(last) == "\n\n":
		return "", nil
	case last[len(last)-1] == '\n':
		return "\n", nil
	}
	return "\n\n", nil
}

// has tells whether the file has the message of an id.
func (f *mboxText) has(ctx context.Context, x *index, id digest) (bool, error) {
	r, ok, err := x.find(id)
	if !ok || err != nil {
		return false, err
	}
	return f.holds(ctx, r)
}

// holds tells whether a message is where its record says.
func (f *mboxText) holds(ctx context.Context, r record) (bool, error) {
	if r.end() > f.size {
		return false, nil
	}
	sum, err := sumOf(ctx, io.NewSectionReader(f.file, r.begin, r.length))
	return sum == r.sum, err
}

// isBegin tells whether the file ends with the begin of a message: with less than its
// length, and one From_ line, since those in a message are quoted. Ours has a zone, which
// no other program writes.
func (f *mboxText) isBegin(ctx context.Context, r record) (bool, error) {
	if f.size >= r.end() {
		return false, nil
	}
	in := bufio.NewReader(stoppable{ctx, io.NewSectionReader(f.file, r.begin, f.size-r.begin)})
	first, begin := true, true // of the text, of a line
	for {
		line, err := in.ReadSlice('\n')
		isFrom := bytes.HasPrefix(line, []byte(mbox.Begin))
		switch {
		case first && err == nil && !(isFrom && bytes.HasSuffix(line, []byte(mbox.Zone+"\n"))),
			first && !isFrom && !strings.HasPrefix(mbox.Begin, string(line)),
			!first && begin && isFrom:
			return false, nil
		}
		first, begin = false, err == nil
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return false, err
		}
	}
}

// append writes messages that the index has before. After an error none of them is there,
// as far as that can be.
func (f *mboxText) append(text []io.Reader, records []record, x *index) error {
	before := f.size
	if len(records) == 0 {
		return f.file.Sync() // a process that was killed may not have done it
	}
	err := x.add(records, func() error {
		out := bufio.NewWriterSize(struct{ io.Writer }{f.file}, writeAtOnce)
		n, err := io.Copy(out, io.MultiReader(text...))
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return err
		}
		f.size += n
		return f.file.Sync()
	}, func() int64 { return f.size })
	if err == nil {
		return nil
	}
	if cutErr := f.cut(before); cutErr != nil {
		return errors.Join(err, cutErr)
	}
	return errors.Join(err, x.cut(0, before))
}

func (f *mboxText) cut(size int64) error {
	if err := f.file.Truncate(size); err != nil {
		return fmt.Errorf("cutting it off at byte %d: %w", size, err)
	}
	f.size = size
	return nil
}
