package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"dovetail/internal/cli"
)

// What comes in by standard input is read to its end, and nobody waits for it when the
// command is over.
func TestStdin(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	text := strings.Repeat("Subject: a\n", 1000)
	cmd.SetIn(strings.NewReader(text))
	if got, err := io.ReadAll(cli.Stdin(cmd)); string(got) != text || err != nil {
		t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
	}
	silent, end := io.Pipe()
	defer end.Close()
	cmd.SetIn(silent)
	cancel()
	if _, err := readMessage(cli.Stdin(cmd), "-"); !errors.Is(err, context.Canceled) {
		t.Errorf("a message: %v", err)
	}
	s := &sweep{options: &sweepOptions{file: "-"}, stdin: cli.Stdin(cmd)}
	if _, err := s.names(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("names: %v", err)
	}
}
