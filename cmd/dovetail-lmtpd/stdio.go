package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// stdio is standard input and output as a connection.
type stdio struct{ in, out *os.File }

// newStdio gives standard input and output as a connection: the socket that
// inetd has put there, or the two files. Deadlines work with sockets and pipes.
func newStdio() (net.Conn, error) {
	in := os.Stdin
	st, err := in.Stat()
	switch {
	case err != nil:
		return nil, err
	case st.Mode().Type() == fs.ModeSocket:
		return net.FileConn(in)
	case st.Mode().Type() == fs.ModeNamedPipe:
		if err := syscall.SetNonblock(int(in.Fd()), true); err != nil {
			return nil, err
		}
		in = os.NewFile(in.Fd(), in.Name()) // looks anew whether it can wait with a deadline
	}
	return stdio{in, os.Stdout}, nil
}

func (s stdio) Read(p []byte) (int, error)         { return s.in.Read(p) }
func (s stdio) Write(p []byte) (int, error)        { return s.out.Write(p) }
func (s stdio) Close() error                       { return errors.Join(s.in.Close(), s.out.Close()) }
func (s stdio) LocalAddr() net.Addr                { return stdioAddr{} }
func (s stdio) RemoteAddr() net.Addr               { return stdioAddr{} }
func (s stdio) SetReadDeadline(t time.Time) error  { return s.in.SetReadDeadline(t) }
func (s stdio) SetWriteDeadline(t time.Time) error { return s.out.SetWriteDeadline(t) }
func (s stdio) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// stdioAddr is whoever has started the program.
type stdioAddr struct{}

func (stdioAddr) Network() string { return "stdio" }
func (stdioAddr) String() string  { return "stdio" }

// isClient tells whether standard error is the client's connection, as inetd
// makes it: a log line there would be read as a reply.
func isClient() bool {
	in, err := os.Stdin.Stat()
	if err != nil {
		return false
	}
	stderr, err := os.Stderr.Stat()
	return err == nil && in.Mode().Type() == fs.ModeSocket && os.SameFile(in, stderr)
}
