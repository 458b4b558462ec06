package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

// Stdin gives a command's standard input, of which no reading outlasts the command's
// context: a signal would have to wait for somebody to type something.
func Stdin(cmd *cobra.Command) io.Reader { return interruptible{cmd.Context(), cmd.InOrStdin()} }

type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	own, done := make([]byte, len(p)), make(chan result, 1) // p is the caller's again when the time is over
	go func() {
		n, err := i.r.Read(own)
		done <- result{n, err}
	}()
	select {
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	case r := <-done:
		return copy(p, own[:r.n]), r.err
	}
}
