package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"dovetail/internal/config"
)

// Logger makes the logger that [log] asks for, on its file or stderr. Close ends
// the use of the file; a daemon makes a new logger when it reads its
// configuration again, so that log files can be rotated.
func Logger(c config.Log, stderr io.Writer) (*slog.Logger, io.Closer, error) {
	out, closer := stderr, io.NopCloser(nil)
	if c.File != "" {
		file, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
		if err != nil {
			return nil, nil, fmt.Errorf("log.file: %w", err)
		}
		out, closer = file, file
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, nil, fmt.Errorf("log.level: %w", err)
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, o)), closer, nil
	}
	return slog.New(slog.NewTextHandler(out, o)), closer, nil
}
