package maildir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// Whatever lies in the place of a control file, a delivery does not hang.
func TestStrangeControlFiles(t *testing.T) {
	makers := map[string]func(path string) error{
		"pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"device":    func(path string) error { return os.Symlink("/dev/zero", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"large":     func(path string) error { return os.WriteFile(path, make([]byte, maxKeywordsFile+1), 0o600) },
	}
	var held []*os.File
	makers["full pipe that somebody keeps open"] = func(path string) error {
		f, err := fullPipe(path)
		held = append(held, f)
		return err
	}
	defer func() {
		for _, f := range held {
			f.Close()
		}
	}()
	q, err := ParseQuota([]string{"*:storage=1M"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, makeIt := range makers {
		for _, file := range []string{keywordsFile, keywordsFile + ".tmp", uidlistFile + lockSuffix, maildirsizeFile, "subscriptions"} {
			s, home := inHome(t, func(o *Options) { o.Quota, o.LockTimeout = q, 10*time.Millisecond })
			put(t, s, "INBOX")
			path := home + "/Maildir/" + file
			if err := errors.Join(os.RemoveAll(path), makeIt(path)); err != nil {
				t.Fatal(err)
			}
			p, err := s.Prepare(context.Background(), testMail, mailstore.Delivery{Mailbox: "INBOX", Flags: []string{"Junk"}})
			if err == nil {
				err = errors.Join(p.Publish(), p.Close())
			}
			if mailerr.IsPermanent(err) {
				t.Errorf("%s as %s: %v", name, file, err)
			}
			if n, want := len(messageFiles(s)), 1; err == nil && n != want+1 || err != nil && n != want {
				t.Errorf("%s as %s: %d messages, error %v", name, file, n, err)
			}
		}
	}
}

// fullPipe makes a pipe that takes no byte more, and whose reader does not read.
func fullPipe(path string) (*os.File, error) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, err
	}
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	for err == nil {
		_, err = syscall.Write(fd, make([]byte, 4096))
	}
	if !errors.Is(err, syscall.EAGAIN) {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// messageFiles counts files, as the control files cannot be read.
func messageFiles(s *Store) []string {
	var all []string
	for _, part := range readParts {
		names, _ := filepath.Glob(s.loc.Root + "/" + part + "/*")
		all = append(all, names...)
	}
	return all
}
