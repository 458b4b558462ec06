package script

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// peerUID tells whose process connected.
func peerUID(c *net.UnixConn) (uint32, error) {
	var cred *unix.Ucred
	err := control(c, func(fd int) (err error) {
		cred, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("asking who connected: %w", err)
	}
	return cred.Uid, nil
}

// stillThere gives an error when the client has closed its end, or died, instead of
// having shut down one direction: then the kernel tells that both are closed.
func stillThere(c *net.UnixConn) error {
	fds := []unix.PollFd{{}}
	err := control(c, func(fd int) error {
		fds[0].Fd = int32(fd)
		for {
			if _, err := unix.Poll(fds, 0); !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	switch {
	case err != nil:
		return fmt.Errorf("asking whether the client is still there: %w", err)
	case fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0:
		return fmt.Errorf("the client went away, perhaps in the middle of the message: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

func control(c *net.UnixConn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// temporary tells whether accepting may work again later.
func temporary(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
