package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/mail"
	"os"

	"github.com/emersion/go-mbox"

	"dovetail/internal/message"
)

// mboxBegin begins an mbox file (RFC 4155).
const mboxBegin = "From "

// openFile tells an mbox file from a single message.
func openFile(name string, info fs.FileInfo, o Options) (Source, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	r, err := uncompressed(file)
	if err == nil {
		b := bufio.NewReader(r)
		begin, _ := b.Peek(len(mboxBegin)) // shorter files are no mbox
		if string(begin) == mboxBegin {
			return &mboxFile{name: name, file: file, r: mbox.NewReader(b), o: o}, nil
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

// mboxFile is an mbox file. Its messages are as old as their Date field says.
type mboxFile struct {
	name string
	file *os.File
	r    *mbox.Reader
	o    Options
}

func (b *mboxFile) Total() int { return -1 }

func (b *mboxFile) Close() error { return b.file.Close() }

func (b *mboxFile) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for n := 1; ; n++ {
			name := fmt.Sprintf("%s:%d", b.name, n)
			text, err := b.r.NextMessage()
			if err == nil {
				err = ctx.Err()
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Message{}, fmt.Errorf("mbox %s: %w", name, err))
				return
			}
			m, err := readMessage(text, b.o.MaxSize)
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
