package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"dovetail/internal/config"
	"dovetail/internal/userdb"
)

// SocketOptions say to whom a UNIX socket belongs.
type SocketOptions struct {
	Mode        string // octal
	User, Group string // names or numbers; "" leaves the process's own
}

// Listen opens sockets: those that systemd passes and those of addrs
// (config.ParseListen). addrs with optional false are opened always, else only
// when systemd passes none. After an error none is open.
func Listen(addrs []string, optional bool, o SocketOptions) (listeners []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range listeners {
				err = errors.Join(err, l.Close())
			}
		}
	}()
	passed, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("taking the sockets of systemd: %w", err)
	}
	for i, l := range passed {
		if l == nil {
			return listeners, fmt.Errorf("socket %d of systemd is not one to accept sessions on", i)
		}
		listeners = append(listeners, l)
	}
	if len(listeners) > 0 && optional {
		return listeners, nil
	}
	for _, addr := range addrs {
		l, err := listen(addr, o)
		if err != nil {
			return listeners, fmt.Errorf("listening on %s: %w", addr, err)
		}
		listeners = append(listeners, l)
	}
	if len(listeners) == 0 {
		return nil, errors.New("no address to listen on")
	}
	return listeners, nil
}

func listen(addr string, o SocketOptions) (net.Listener, error) {
	network, address, err := config.ParseListen(addr)
	if err != nil {
		return nil, err
	}
	if network != "unix" {
		return net.Listen(network, address)
	}
	if err := clearPath(address); err != nil {
		return nil, err
	}
	// Nobody may come in before mode and owner are right.
	umask := syscall.Umask(0o177)
	l, err := net.Listen(network, address)
	syscall.Umask(umask)
	if err != nil {
		return nil, err
	}
	if err := o.apply(address); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// clearPath makes the folder of a socket and removes the socket that a server
// which did not end well has left there. It touches nothing else.
func clearPath(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode().Type() != fs.ModeSocket {
		return errors.New("there is something that is not a socket")
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		return errors.Join(errors.New("another server answers there"), conn.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return err
}

// apply gives a socket its mode and owner.
func (o SocketOptions) apply(path string) error {
	mode, err := config.ParseMode(o.Mode)
	if err != nil {
		return err
	}
	uid, gid := -1, -1
	if o.User != "" {
		n, err := userdb.UID(o.User)
		if err != nil {
			return err
		}
		uid = int(n)
	}
	if o.Group != "" {
		n, err := userdb.GID(o.Group)
		if err != nil {
			return err
		}
		gid = int(n)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		return err
	}
	return os.Chmod(path, fs.FileMode(mode))
}
