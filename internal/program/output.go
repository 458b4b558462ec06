package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// output takes a program's standard output. exec.Cmd would close the pipe some time after
// the program's end, and drop what is in it when w is slow: a message would be cut.
type output struct {
	in, out *os.File // the pipe
	w       io.Writer
	done    chan error
}

func newOutput(w io.Writer) (*output, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("its output: %w", err)
	}
	return &output{in: in, out: out, w: w, done: make(chan error, 1)}, nil
}

// start takes what comes, when the program has started. o may be nil.
func (o *output) start(started bool) {
	if o == nil {
		return
	}
	o.in.Close() // the program has its own
	if !started {
		o.out.Close()
		return
	}
	go func() {
		defer o.out.Close()
		_, err := io.Copy(o.w, o.out)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = o.rest()
		}
		o.done <- err
	}()
}

// end waits for the end of the output of a program that has ended. A daemon that holds it
// open is waited for no longer than pipeDelay.
func (o *output) end() error {
	if o == nil {
		return nil
	}
	_ = o.out.SetReadDeadline(time.Now().Add(pipeDelay)) // fails when all is taken
	return <-o.done
}

// rest takes what is in the pipe: the last of what the program has written is among it.
func (o *output) rest() error {
	pipe, err := o.out.SyscallConn()
	if err != nil {
		return err
	}
	var text []byte
	var readErr error
	err = pipe.Control(func(fd uintptr) {
		size, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0)
		if err != nil {
			readErr = err
			return
		}
		text = make([]byte, size)
		n, err := unix.Read(int(fd), text)
		if err != nil && !errors.Is(err, unix.EAGAIN) { // which says that it is empty
			readErr = err
		}
		text = text[:max(n, 0)]
	})
	if err = errors.Join(err, readErr); err != nil || len(text) == 0 {
		return err
	}
	_, err = o.w.Write(text)
	return err
}

// limited hands on up to left bytes and then calls over.
type limited struct {
	w    io.Writer
	left int64
	over func(error)
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		l.over(ErrOutput)
		return 0, ErrOutput
	}
	l.left -= int64(len(p))
	return l.w.Write(p)
}
