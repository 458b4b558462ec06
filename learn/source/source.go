// Package source finds messages to learn from where people keep them.
//
// A source is named by one word:
//
//	DIR                            a Maildir with its subfolders, of Maildir++ or below
//	                               each other; or any directory of message files
//	FILE                           an mbox file, or one message
//	imap://…, imaps://…            a folder of an IMAP server, see internal/imapurl
//
// In a directory with cur and new these two hold messages, and tmp and other files
// do not. In any other directory every file is a message, but those whose name begins
// with a dot or with "dovecot". What is compressed by gzip, bzip2 or zstd is read
// uncompressed, mbox files too. Symbolic links below DIR are not followed, since the
// folder may be a user's and the reader root.
package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"dovetail/internal/imapurl"
	"dovetail/internal/message"
)

// DefaultMaxSize is the size in bytes past which a message is not read.
const DefaultMaxSize = 50 << 20

// ErrTooBig is in the error of a message beyond Options.MaxSize.
var ErrTooBig = errors.New("the message is too big")

// Options say what is looked for.
type Options struct {
	Since    time.Time              // only what was received then or later; zero: all
	MaxSize  int64                  // bytes of a message, uncompressed; 0: DefaultMaxSize
	Password func() (string, error) // of the IMAP user; nil: none is known
}

// Message is one that was found.
type Message struct {
	Name string // where it is: FILE, FILE:N for the Nth of an mbox, FOLDER:UID
	*message.Message
}

// Source is where messages are.
type Source interface {
	// Total is how many messages there are, -1 when only reading tells.
	Total() int
	// Messages reads them one after the other. An error with a Name is that of one
	// message, one without ends the source.
	Messages(ctx context.Context) iter.Seq2[Message, error]
	Close() error
}

// Open finds the source of a name.
func Open(ctx context.Context, name string, o Options) (Source, error) {
	if o.MaxSize == 0 {
		o.MaxSize = DefaultMaxSize
	}
	if imapurl.Is(name) {
		return openIMAP(ctx, name, o)
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("source: %w", err)
	case info.IsDir():
		return openDir(ctx, name, o)
	case info.Mode().IsRegular():
		return openFile(name, info, o)
	}
	return nil, fmt.Errorf("source %s: neither a directory nor a file", name)
}
