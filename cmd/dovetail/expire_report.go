package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"dovetail/expire/policy"
	"dovetail/expire/report"
)

// page writes the page that was asked for.
func (e *expirer) page() error {
	if e.options.report == "" {
		return nil
	}
	return writePage(e.options.report, &e.report)
}

// writePage writes the report as a page. Who reads the file has the old page or the
// new one. A new file is for its owner alone, since it tells of people's mail. What is no
// file, such as /dev/stdout, is written to, and not replaced, unless it is another user's.
func writePage(file string, r *policy.Report) error {
	mode := os.FileMode(0o600)
	if info, err := os.Stat(file); err == nil {
		switch {
		case info.Mode().IsRegular():
			mode = info.Mode().Perm()
		case isTrusted(info):
			return writeThere(file, r)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	err = errors.Join(report.Write(f, r), f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the report: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func writeThere(file string, r *policy.Report) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err == nil {
		err = errors.Join(report.Write(f, r), f.Close())
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// isTrusted tells whether a file is ours or root's: in /tmp another one may be a trap.
func isTrusted(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}
