package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"dovetail/learn/teach"
)

// statusFile is what stands in [learn] status_file, as JSON.
type statusFile struct {
	PID int `json:"pid"`
	teach.Status
}

// status writes the status file. It gives the error of that, which was told unless
// it is the one of before.
func (co *course) status(before error) error {
	path := co.config.Learn.StatusFile
	if path == "" {
		return nil
	}
	err := writeStatus(path, statusFile{os.Getpid(), co.teacher.Status()})
	if err != nil && (before == nil || before.Error() != err.Error()) {
		co.log.Warn("cannot write the status file", "error", err)
	}
	return err
}

// writeStatus puts the file in its place whole. It need not survive a crash.
func writeStatus(path string, s statusFile) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// The directory is not for others to write to, so the name can be a fixed one.
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return nil
}
