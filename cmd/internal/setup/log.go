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
// administrator's: a client's connection, or what the MTA puts into a bounce.
// Without a file of its own the log goes to syslog, and where there is none it is
// lost.
func SystemLogger(c config.Log, name string) (*slog.Logger, io.Closer, error) {
	if c.File != "" {
		return cli.Logger(c, io.Discard)
	}
	w, err := syslog.New(syslog.LOG_MAIL|syslog.LOG_INFO, name)
	if err != nil {
		return cli.Logger(c, io.Discard)
	}
	log, closer, err := cli.Logger(c, w)
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	return log, closers{closer, w}, nil
}

// closers closes several things.
type closers []io.Closer

func (all closers) Close() error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
