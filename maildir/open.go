package maildir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

// errCompressed says that Dovecot's zlib plugin wrote a message.
var errCompressed = errors.New("the message is compressed, which is not supported")

// magics begin compressed files (gzip, zstd, xz, bzip2, LZ4 as Dovecot has it).
var magics = []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd7zXZ\x00", "BZh", "Dovecot-LZ4"}

// Open opens a stored message; see mailstore.Store.
func (s *Store) Open(_ context.Context, e mailstore.Entry) (*message.Message, io.Closer, error) {
	f, err := s.folder(e.Mailbox)
	if err != nil {
		return nil, nil, err
	}
	file, err := s.openMessage(f, e)
	if err != nil {
		return nil, nil, mailerr.FromErrno(fmt.Errorf("opening a message of %s: %w", f.name, err))
	}
	m, err := readMessage(file, e)
	if err != nil {
		return nil, nil, mailerr.FromErrno(errors.Join(fmt.Errorf("%s: %w", e.Path, err), file.Close()))
	}
	return m, file, nil
}

// openMessage opens the file of a message, under a new name where it has one.
func (s *Store) openMessage(f folder, e mailstore.Entry) (fsx.File, error) {
	name := e.Path
	for range maxTries {
		file, err := s.fs.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
		if name, err = s.find(f, parseFileName(path.Base(e.Path)).base); err != nil {
			return nil, err
		}
		if name == "" {
			return nil, fmt.Errorf("%w: %s", mailstore.ErrNoMessage, e.Path)
		}
	}
	return nil, fmt.Errorf("%s is renamed all the time", e.Path)
}

func readMessage(file fsx.File, e mailstore.Entry) (*message.Message, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fsx.ErrIrregular
	}
	virtual := e.VSize
	if info.Size() != e.Size {
		virtual = 0 // the name lies
	}
	m, err := message.Read(file, info.Size(), virtual)
	if err != nil {
		return nil, err
	}
	if fields := m.Fields(); len(fields) > 0 && fields[0].Name != "" {
		return m, nil
	}
	var start [16]byte
	n, err := file.ReadAt(start[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, magic := range magics {
		if n >= len(magic) && string(start[:len(magic)]) == magic {
			return nil, errCompressed
		}
	}
	return m, nil
}
