// Package mailimport brings the messages of an mbox file into a mailbox.
//
// # Once
//
// A message is left out when the mailbox has it already: byte for byte as it would be
// stored, whatever its flags and date. Each message of the mailbox stands for one of
// the files only, so that what the files have twice comes twice. Nothing else
// is remembered: after an interruption at any moment the same call brings what is missing.
// What was deleted or moved away meanwhile comes again. Of the messages that are in
// the mailbox at the start only those are read whose size comes up.
//
// # Durable
//
// Messages go in batches: all files of a batch are written and flushed, then renamed
// to where readers see them, then the directory is flushed. Only then do they count. A
// batch that was cut off leaves files in tmp, which the mail store removes in time.
//
// # What is stored
//
// The message without the fields in which the folder keeps its own (mbox.Unpack), their
// flags and keywords as flags, and as received date that of the From_ line; where that
// has none, the date of the first Received field, of Date, or of the file.
package mailimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/mbox"
	"dovetail/internal/message"
)

// Options say where messages go.
type Options struct {
	Store   mailstore.Store
	Do      func(f func() error) error // runs f with the rights of the owner of the mail
	Flush   func(ctx context.Context, files []fsx.File) error
	Mailbox string // is made, and subscribed to, where it is missing
	Reading mbox.Options
	DryRun  bool           // store nothing
	Each    func(*Message) // told of each message after it was judged; may be nil
}

// Message is one of a file.
type Message struct {
	*mbox.Message
	Flags    []string
	Received time.Time
	Size     int64 // in bytes, as stored
	Subject  string
	Present  bool // it is in the mailbox already
	Internal bool // it is none: a mail program's own data
}

// Report is what became of a file.
type Report struct {
	File     string         `json:"file"`
	Messages int            `json:"messages"`  // that the file has
	Imported int            `json:"imported"`  // or, in a dry run, that would be
	Present  int            `json:"present"`   // in the mailbox already
	Internal int            `json:"internal"`  // data of a mail program, left out
	Bytes    int64          `json:"bytes"`     // of those imported, as stored
	ByLength int            `json:"by_length"` // messages whose Content-Length told their end
	Quoted   int            `json:"from_lines_in_text"`
	Findings []mbox.Finding `json:"findings"`
	Oldest   *time.Time     `json:"oldest"` // received, of those imported
	Newest   *time.Time     `json:"newest"`
}

// Damaged tells whether the file is broken somewhere.
func (r *Report) Damaged() bool {
	for _, f := range r.Findings {
		if f.Damaged {
			return true
		}
	}
	return false
}

// DefaultBatch is the number of messages that share a flush.
const DefaultBatch = 128

// memory bounds the bytes of a message in memory; a larger one is in a file meanwhile.
const memory = 4 << 20

// Importer brings files into one mailbox.
type Importer struct {
	o     Options
	known *known
	spool *message.Spool
	batch []item
	r     *Report
}

// New looks at what the mailbox has.
func New(ctx context.Context, o Options) (*Importer, error) {
	k, err := look(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("mailbox %s: %w", o.Mailbox, err)
	}
	return &Importer{o: o, known: k, spool: message.NewSpool("", memory)}, nil
}

// Close frees what is held.
func (im *Importer) Close() error { return im.spool.Close() }

// File imports a file. The report holds in case of an error, too: what it counts as
// imported is on disk to stay.
func (im *Importer) File(ctx context.Context, f *mbox.File) (*Report, error) {
	im.r = &Report{File: f.Name, Findings: []mbox.Finding{}}
	err := im.messages(ctx, f)
	if flushErr := im.flush(context.WithoutCancel(ctx)); flushErr != nil {
		err = errors.Join(err, flushErr)
	}
	im.r.Findings = append(im.r.Findings, f.Check()...)
	return im.r, err
}

func (im *Importer) messages(ctx context.Context, f *mbox.File) error {
	reader := f.Reader(im.o.Reading)
	for {
		found, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("mbox %s: %w", f.Name, err)
		}
		if err := im.one(ctx, found, f.Info.ModTime()); err != nil {
			return im.at(found, err)
		}
		if len(im.batch) >= DefaultBatch {
			if err := im.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// at says at which message something failed.
func (im *Importer) at(m *mbox.Message, err error) error {
	return fmt.Errorf("mbox %s, message %d at line %d (byte %d): %w", im.r.File, m.Number, m.Line, m.Offset, err)
}

// one prepares a message.
func (im *Importer) one(ctx context.Context, found *mbox.Message, fallback time.Time) error {
	im.r.Findings = append(im.r.Findings, found.Findings...)
	im.r.Quoted += found.Quoted
	if begin, end := found.Span(); begin == end {
		return nil
	}
	m, err := im.read(found)
	if err != nil {
		return err
	}
	one := &Message{Message: found, Internal: found.Number == 1 && mbox.IsFolderData(m)}
	m, one.Flags = mbox.Unpack(m)
	one.Received = received(found, m, fallback)
	one.Size = m.Size()
	one.Subject = subject(m)
	im.r.Messages++
	if found.ByLength {
		im.r.ByLength++
	}
	if one.Internal {
		im.r.Internal++
	} else if one.Present, err = im.known.take(ctx, m); err != nil {
		return err
	}
	if one.Present {
		im.r.Present++
	}
	if im.o.Each != nil {
		im.o.Each(one)
	}
	switch {
	case one.Present || one.Internal:
		return nil
	case im.o.DryRun:
		im.count(one)
		return nil
	}
	return im.prepare(ctx, m, one)
}

// read takes the message into the spool.
func (im *Importer) read(found *mbox.Message) (*message.Message, error) {
	if err := im.spool.Reset(); err != nil {
		return nil, err
	}
	w := message.NewLFWriter(im.spool)
	if _, err := io.Copy(w, found.Open()); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return im.spool.Message()
}

func (im *Importer) prepare(ctx context.Context, m *message.Message, one *Message) error {
	return im.o.Do(func() error {
		p, err := im.o.Store.Prepare(ctx, m, mailstore.Delivery{
			Mailbox: im.o.Mailbox, Flags: one.Flags, Create: true, Subscribe: true, Received: one.Received,
		})
		if err == nil {
			im.batch = append(im.batch, item{one, p})
		}
		return err
	})
}

func (im *Importer) count(m *Message) {
	r := im.r
	r.Imported++
	r.Bytes += m.Size
	if r.Oldest == nil || m.Received.Before(*r.Oldest) {
		r.Oldest = &m.Received
	}
	if r.Newest == nil || m.Received.After(*r.Newest) {
		r.Newest = &m.Received
	}
}

// received finds the date at which a message was received.
func received(found *mbox.Message, m *message.Message, fallback time.Time) time.Time {
	if !found.Received.IsZero() {
		return found.Received
	}
	if trace, ok := m.Get("Received"); ok {
		if at, err := mail.ParseDate(strings.TrimSpace(trace[strings.LastIndexByte(trace, ';')+1:])); err == nil {
			return at
		}
	}
	if date, ok := m.Get("Date"); ok {
		if at, err := mail.ParseDate(date); err == nil {
			return at
		}
	}
	return fallback
}

func subject(m *message.Message) string {
	for f := range m.Header("Subject") {
		return f.Decoded()
	}
	return ""
}

// IsFull tells whether an error is that of a full mailbox.
func IsFull(err error) bool {
	var e *mailerr.Error
	return errors.As(err, &e) && e.Status[1] == 2 && e.Status[2] == 2
}
