package bogofilter

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"dovetail/internal/fsx"
)

// keyFile holds the key of the words of lessons, in the folder of the database. Who can
// read that may read it, since several users may share one.
const keyFile = "dovetail-key"

// keySize is that of a key in bytes.
const keySize = 32

// readKey reads the key, and makes one where there is none.
func readKey(path string) ([]byte, error) {
	f, err := openKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			f, err = openKey(path)
		}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	key := make([]byte, keySize)
	if _, err := io.ReadFull(f, key); err != nil {
		return nil, fmt.Errorf("%s: %w: remove it, and another one is made", path, err)
	}
	return key, nil
}

// openKey opens the file, which the user may have put anything in place of.
func openKey(path string) (fsx.File, error) {
	f, _, err := fsx.OpenRegular(fsx.OS{}, path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	return f, err
}

// makeKey makes a key, unless somebody else is faster. It appears whole and stays.
func makeKey(path string) error {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	tmp := path + "." + rand.Text()
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(key)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Link(tmp, path)
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(tmp))
}
