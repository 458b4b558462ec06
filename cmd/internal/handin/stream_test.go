package handin

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/config"
	"dovetail/learn"
)

// A message goes into the queue while it comes, and is not kept in memory.
func TestStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dovetail.toml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	from, to := io.Pipe()
	begun := make(chan bool)
	go func() {
		_, err := io.WriteString(to, "Subject: one\n\n")
		select {
		case <-begun:
		case <-time.After(time.Minute):
			err = errors.Join(err, errors.New("nothing was put before the end"))
		}
		_, writeErr := io.WriteString(to, "body\n")
		if err = errors.Join(err, writeErr); err != nil {
			to.CloseWithError(err)
			return
		}
		to.Close()
	}()
	caller := Caller{UID: os.Getuid(), Getenv: func(string) string { return "" }}
	var got strings.Builder
	_, leftOut, err := Take(c, "learn-spam", learn.Spam, []string{"bob"}, caller, from, func(_ learn.Lesson, m io.Reader) error {
		begin := make([]byte, 4)
		_, err := io.ReadFull(m, begin)
		close(begun)
		got.Write(begin)
		_, copyErr := io.Copy(&got, m)
		return errors.Join(err, copyErr)
	})
	if err != nil || leftOut != "" || got.String() != "Subject: one\n\nbody\n" {
		t.Errorf("%q, left out %q, %v", got.String(), leftOut, err)
	}
	// What cannot be read to its end is no lesson, and no fault of the queue.
	broken := io.MultiReader(strings.NewReader("Subject: one\n\n"), from)
	from.CloseWithError(io.ErrUnexpectedEOF)
	_, _, err = Take(c, "learn-spam", learn.Spam, []string{"bob"}, caller, broken, func(_ learn.Lesson, m io.Reader) error {
		_, err := io.Copy(io.Discard, m)
		return err
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrClosedPipe) || !strings.HasPrefix(err.Error(), "reading the message: ") {
		t.Errorf("half a message: %v", err)
	}
}
