package maildir

import (
	"errors"
	"fmt"
	"io"
	"os"

	"dovetail/internal/fsx"
)

// Limits of the control files.
const (
	maxLockFile      = 1 << 10
	maxKeywordsFile  = 64 << 10
	maxSubscriptions = 8 << 20
	maxUIDList       = 1 << 30
)

// errTooLarge says that a control file is larger than it can be.
var errTooLarge = errors.New("file too large")

// readFile reads a control file. As its owner may put anything in its place, it
// waits for no pipe and reads no device and not more than limit bytes.
func (s *Store) readFile(path string, limit int64) (string, error) {
	f, err := s.openFile(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", err
	}
	if int64(len(text)) > limit {
		return "", fmt.Errorf("%s: %w (limit %d bytes)", path, errTooLarge, limit)
	}
	return string(text), nil
}

// openFile opens a control file to be read.
func (s *Store) openFile(path string) (fsx.File, error) {
	f, _, err := fsx.OpenRegular(s.fs, path, os.O_RDONLY, 0)
	return f, err
}
