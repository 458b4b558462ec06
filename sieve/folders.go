package sieve

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"dovetail/internal/fsx"
)

// Folders gives included scripts from two folders, where the script NAME is the
// file NAME.sieve. It is the Source of a script that is compiled once and for
// nobody in particular; "" is a folder without scripts.
type Folders struct{ Personal, Global string }

// Script is Source's. Findings have the path of the file.
func (f Folders) Script(at Location, name string) (file string, src []byte, err error) {
	dir := f.Personal
	if at == Global {
		dir = f.Global
	}
	if dir == "" {
		return "", nil, ErrNoScript
	}
	file = filepath.Join(dir, name+".sieve")
	src, err = ReadScript(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		err = fmt.Errorf("%w: %s", ErrNoScript, file)
	}
	return file, src, err
}

// maxFile bounds the files that ReadScript reads; what the engine compiles is bounded
// by its own limits.
const maxFile = 64 << 20

// ReadScript reads a script that somebody else may have put there: a regular file of
// not more than maxFile.
func ReadScript(file string) ([]byte, error) {
	f, st, err := fsx.OpenRegular(fsx.OS{}, file, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	if st.Size() > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes", file, maxFile)
	}
	src, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("reading the script: %w", err)
	}
	return src, nil
}
