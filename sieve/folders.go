package sieve

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
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
	src, err = os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		err = fmt.Errorf("%w: %s", ErrNoScript, file)
	}
	return file, src, err
}
