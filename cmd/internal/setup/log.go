package setup

import (
	"errors"
	"io"
	"log/slog"
	"log/syslog"

	"dovetail/internal/cli"
	"dovetail/internal/config"
)

// SystemLogger makes the logger of a program whose standard error is not the
// administrator's: a client's connection, or what the MTA puts into a bounce. The
// log goes to its file, else, or where this process may not write that, to
// syslog, and where there is none it is lost: mail does not wait for it.
func SystemLogger(c config.Log, name string) (*slog.Logger, io.Closer, error) {
	var fileErr error
	if c.File != "" {
		log, closer, err := cli.Logger(c, io.Discard)
		if err == nil {
			return log, closer, nil
		}
		c.File, fileErr = "", err
	}
	w, err := syslog.New(syslog.LOG_MAIL|syslog.LOG_INFO, name)
	if err != nil {
		return cli.Logger(c, io.Discard)
	}
	log, _, err := cli.Logger(c, w)
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	if fileErr != nil {
		log.Warn("logging to syslog instead of the file", "error", fileErr)
	}
	return log, w, nil
}
