package submission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"dovetail/internal/message"
)

// Sendmail sends by a program with sendmail's command line, which runs as this
// process, in "/", with nothing but PATH in its environment.
type Sendmail struct {
	Path    string        // of the program
	Timeout time.Duration // of one message; 0: DefaultTimeout
	// DSN tells that the program has the flags -N and -R of Sendmail's. Postfix's
	// has -N, and takes no notice of -R. It must not be set for Exim's: its -N
	// pretends to deliver and drops the message.
	DSN bool
}

const (
	programPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	maxOutput   = 1 << 10                // bytes of the program's output in an error
	pipeDelay   = 500 * time.Millisecond // how long a descendant of the ended program may hold its output open
)

// refusals are the sysexits statuses that say something about the message
// (EX_DATAERR, EX_NOUSER, EX_NOHOST); all others tell of the program's own trouble.
var refusals = map[int]bool{65: true, 67: true, 68: true}

// Send sends m as SMTP.Send does.
func (s *Sendmail) Send(ctx context.Context, from string, to []string, m *message.Message) error {
	_, err := s.SendAsking(ctx, from, to, m, Request{})
	return err
}

// SendAsking is Send that asks the program for something. No program takes a time
// of delivery, so a message that is to be returned when it is late is refused
// (RFC 2852 sections 4.1.4.1 and 4.1.5).
func (s *Sendmail) SendAsking(ctx context.Context, from string, to []string, m *message.Message, ask Request) (Taken, error) {
	if err := checkAddresses(from, to); err != nil {
		return Taken{}, err
	}
	args := []string{"-i", "-f", from}
	if from == "" {
		args[2] = "<>"
	}
	if ask.By != nil {
		if ask.By.Return {
			return Taken{}, fmt.Errorf("sending mail by %s: %w", s.Path,
				unfit([3]int{5, 3, 3}, "the message is to be returned when it is late, and programs know no time of delivery"))
		}
		ask.Notify = withDelay(ask.Notify)
	}
	if s.DSN && ask.Notify != "" {
		args = append(args, "-N", strings.ToLower(ask.Notify))
	}
	if s.DSN && ask.Ret != "" {
		args = append(args, "-R", strings.ToLower(ask.Ret))
	}
	return Taken{DSN: s.DSN}, s.run(ctx, append(append(args, "--"), to...), m)
}

// run runs the program with the message on its standard input.
func (s *Sendmail) run(ctx context.Context, args []string, m *message.Message) error {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Path, args...)
	cmd.Dir = "/"
	cmd.Env = []string{programPath}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeDelay
	input := &ended{r: m.Open()}
	output := &head{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, output, output // one writer: exec makes one pipe of it
	return s.outcome(ctx, cmd.Run(), input, output.b.String())
}

// outcome makes an error of how the program ended.
func (s *Sendmail) outcome(ctx context.Context, err error, input *ended, output string) error {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		// The program is content. If it has not read the whole message, it has it not.
		if !input.end {
			return temporary("sending mail by %s: it did not read the whole message", s.Path)
		}
		return nil
	case ctx.Err() != nil:
		return temporary("sending mail by %s: %w", s.Path, ctx.Err())
	case errors.As(err, &exit):
		if output = strings.TrimSpace(output); output != "" {
			err = fmt.Errorf("%w: %q", err, output)
		}
		if refusals[exit.ExitCode()] {
			return permanent("sending mail by %s: %w", s.Path, err)
		}
	}
	return temporary("sending mail by %s: %w", s.Path, err)
}

// ended is a reader that knows whether it was read to its end.
type ended struct {
	r   io.Reader
	end bool
}

func (e *ended) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.end = e.end || errors.Is(err, io.EOF)
	return n, err
}

// head keeps the first maxOutput bytes of what is written.
type head struct{ b bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	h.b.Write(p[:min(len(p), maxOutput-h.b.Len())])
	return len(p), nil
}
