package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"net/mail"
	"os"

	"dovetail/internal/decompress"
	"dovetail/internal/mbox"
	"dovetail/internal/message"
)

// openFile tells an mbox file from a single message.
func openFile(name string, info fs.FileInfo, o Options) (Source, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	is, err := isMbox(file)
	if is && err == nil {
		var text *decompress.Text
		if text, err = decompress.Open(file); err == nil {
			return &mboxFile{name: name, file: file, text: text, o: o}, nil
		}
	}
	if closing := file.Close(); closing != nil || err != nil {
		return nil, fmt.Errorf("source %s: %w", name, errors.Join(err, closing))
	}
	if !o.Since.IsZero() && info.ModTime().Before(o.Since) {
		return &files{o: o}, nil
	}
	return &files{names: []string{name}, o: o}, nil
}

// isMbox looks at the first bytes. A file that cannot be uncompressed is none.
func isMbox(file *os.File) (bool, error) {
	r, err := decompress.Reader(io.NewSectionReader(file, 0, math.MaxInt64))
	if err != nil {
		return false, err
	}
	begin := make([]byte, len(mbox.Begin))
	n, _ := io.ReadFull(r, begin) // shorter files are no mbox
	return string(begin[:n]) == mbox.Begin, nil
}

// mboxFile is an mbox file. Its messages are as old as their Date field says.
type mboxFile struct {
	name string
	file *os.File
	text *decompress.Text
	o    Options
}

func (b *mboxFile) Total() int { return -1 }

func (b *mboxFile) Close() error { return errors.Join(b.text.Close(), b.file.Close()) }

func (b *mboxFile) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		r := mbox.NewReader(b.text, b.text.Size, mbox.Options{})
		for n := 1; ; n++ {
			name := fmt.Sprintf("%s:%d", b.name, n)
			found, err := r.Next()
			if err == nil {
				err = ctx.Err()
			}
			if errors.Is(err, io.EOF) {
				if err = b.text.Broken; err == nil {
					return
				}
			}
			if err != nil {
				yield(Message{}, fmt.Errorf("mbox %s: %w", name, err))
				return
			}
			m, err := readMessage(found.Open(), b.o.MaxSize)
			if err == nil && b.older(m) {
				continue
			}
			if err != nil {
				err = fmt.Errorf("message %s: %w", name, err)
			}
			if err != nil && !errors.Is(err, ErrTooBig) { // the file cannot be read any further
				yield(Message{}, err)
				return
			}
			if !yield(Message{name, m}, err) {
				return
			}
		}
	}
}

// older tells whether a message is too old. One without a date is not.
func (b *mboxFile) older(m *message.Message) bool {
	if b.o.Since.IsZero() {
		return false
	}
	date, found := m.Get("Date")
	if !found {
		return false
	}
	at, err := mail.ParseDate(date)
	return err == nil && at.Before(b.o.Since)
}
