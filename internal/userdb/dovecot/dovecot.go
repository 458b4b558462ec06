// Package dovecot asks a running Dovecot for its users, over the auth-userdb
// socket of Dovecot 2.3 and 2.4. Whatever Dovecot's user databases are (LDAP,
// SQL, several in a row), the answer is the one that Dovecot's own LMTP gets.
//
// One connection serves all look-ups, many of them in flight at a time and
// answered in any order. When it breaks, or the socket is a new one, because
// Dovecot restarts, what was in flight is asked once more over a new connection.
// One that nobody uses is closed in time: the driver may be one of a configuration
// that is not in force any more. A list of users is read over a connection of its own.
//
// Dovecot's settings mail_uid, mail_gid and mail_home, for users of whom its user
// databases say nothing else, are not in the answer (seen with 2.3.19 and 2.4.1):
// they have to be told in Options.
//
// Dovecot's rules for the socket: with mode 0666, its default, it answers only
// an asker whose uid is the one of the user found, or the owner of the socket.
// With any other mode whoever may connect gets every answer. The usual setting
// for dovetail, which runs as root, is mode 0600.
package dovecot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"
	"syscall"
	"time"

	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
)

// DefaultSocket is where Debian's Dovecot has the socket.
const DefaultSocket = "/run/dovecot/auth-userdb"

// DefaultTimeout is how long an answer may take.
const DefaultTimeout = 30 * time.Second

// idleTime is how long a connection stays without a question.
const idleTime = 5 * time.Minute

// connectTimeout bounds connecting and the greeting.
const connectTimeout = 5 * time.Second

// While Dovecot starts its auth process anew, for which it takes its time when the last
// one has died, connecting is tried again and again.
const (
	restartTime  = 3 * time.Second
	restartPause = 100 * time.Millisecond
)

// Options are the settings of the driver.
type Options struct {
	Socket  string        // path; empty is DefaultSocket
	Service string        // what Dovecot calls us (%s, protocol blocks); empty is "lmtp"
	Timeout time.Duration // for one answer; 0 is DefaultTimeout
	// UID, GID and Home are those of users whom Dovecot gives none. The home is a
	// template; nil for none.
	UID, GID uint32
	Home     *expand.Template
}

// Driver is the user database. It is safe for many goroutines.
type Driver struct {
	o    Options
	idle time.Duration

	mu      sync.Mutex
	current *attempt
}

// attempt is a connection that is being made, or was.
type attempt struct {
	done chan struct{} // closed when conn and err are set
	conn *conn
	err  error
}

// New makes the driver; it connects when it is asked.
func New(o Options) *Driver {
	if o.Socket == "" {
		o.Socket = DefaultSocket
	}
	if o.Service == "" {
		o.Service = "lmtp"
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return &Driver{o: o, idle: max(idleTime, 2*o.Timeout)}
}

// Agreeable tells that Dovecot may say yes to any name (its userdb static does).
func (d *Driver) Agreeable() bool { return true }

// Close ends the connection. The driver can still be used; it connects again.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current != nil {
		<-d.current.done
		if d.current.conn != nil {
			d.current.conn.fail(errors.New("closed"))
		}
		d.current = nil
	}
	return nil
}

// Lookup implements userdb.Lookuper.
func (d *Driver) Lookup(ctx context.Context, name string) (*userdb.User, error) {
	if err := userdb.CheckName(name); err != nil {
		return nil, err
	}
	user, err := d.lookup(ctx, name)
	if errors.Is(err, errBroken) {
		// Dovecot has restarted, perhaps. Asking twice changes nothing there.
		user, err = d.lookup(ctx, name)
	}
	switch {
	case errors.Is(err, errNotFound):
		return nil, userdb.Unknown(name)
	case err != nil:
		return nil, userdb.Fault(fmt.Errorf("asking Dovecot at %s: %w", d.o.Socket, err))
	}
	return user, nil
}

func (d *Driver) lookup(ctx context.Context, name string) (*userdb.User, error) {
	c, err := d.connection(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.o.Timeout, fmt.Errorf("no answer within %v", d.o.Timeout))
	defer cancel()
	reply, err := c.ask(ctx, name, d.o.Service)
	if err != nil {
		return nil, err
	}
	user, err := parseUser(reply)
	if errors.Is(err, errFailed) {
		err = d.explainFailure(err)
	}
	if err != nil {
		return nil, err
	}
	return user, d.complete(user)
}

// complete fills in what Dovecot did not say.
func (d *Driver) complete(u *userdb.User) (err error) {
	u.UID, u.GID = cmp.Or(u.UID, d.o.UID), cmp.Or(u.GID, d.o.GID)
	if u.Home == "" && d.o.Home != nil {
		u.Home, err = d.o.Home.Path(&expand.Vars{User: u.Name}, "")
	}
	return err
}

// connection gives the living connection, or waits for one being made.
func (d *Driver) connection(ctx context.Context) (*conn, error) {
	d.mu.Lock()
	a := d.current
	if a == nil || a.over() || d.replaced(a) {
		old := a
		a = &attempt{done: make(chan struct{})}
		d.current = a
		go func() {
			defer close(a.done)
			// Shared by all who wait: it does not end with one caller's context.
			a.conn, a.err = d.connect(context.WithoutCancel(ctx))
			a.takeOver(old)
		}()
	}
	d.mu.Unlock()
	select {
	case <-a.done:
		return a.conn, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// takeOver ends the connection before this one, or goes on with it where the
// new socket does not serve yet.
func (a *attempt) takeOver(old *attempt) {
	switch {
	case old == nil || old.over():
	case a.err == nil:
		old.conn.fail(errors.New("this connection is of a socket that Dovecot has replaced"))
	default:
		a.conn, a.err = old.conn, nil
	}
}

// over tells that an attempt has failed or its connection is dead.
func (a *attempt) over() bool {
	select {
	case <-a.done:
		return a.err != nil || a.conn.dead()
	default:
		return false
	}
}

// replaced tells that the socket is another one than that of the attempt. A
// Dovecot that stops, or reads its configuration again, leaves its old auth
// process to those who are connected, for as long as they stay.
func (d *Driver) replaced(a *attempt) bool {
	select {
	case <-a.done:
	default:
		return false
	}
	now, err := os.Stat(d.o.Socket)
	if err != nil {
		return false // for a moment there is none; the old process still answers
	}
	was := a.conn.socket
	return was == nil || !os.SameFile(now, was) || !now.ModTime().Equal(was.ModTime())
}

func (d *Driver) connect(ctx context.Context) (*conn, error) {
	socket, err := os.Stat(d.o.Socket)
	if err != nil {
		socket = nil // connecting says why
	}
	nc, in, err := d.greet(ctx)
	for end := time.Now().Add(restartTime); hungUp(err) && time.Now().Before(end); {
		time.Sleep(restartPause)
		nc, in, err = d.greet(ctx)
	}
	if err != nil {
		return nil, err
	}
	c := &conn{nc: nc, socket: socket, idle: d.idle, waiting: make(map[uint32]chan []string)}
	go c.read(in)
	return c, nil
}

// hungUp tells whether the other side has closed the connection without a word: an auth
// process that was started in the middle of a reload dies, and Dovecot starts another one.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// List implements userdb.Lister.
func (d *Driver) List(ctx context.Context, mask string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name, err := range d.list(ctx, mask) {
			if err != nil {
				yield("", userdb.Fault(fmt.Errorf("listing Dovecot's users at %s: %w", d.o.Socket, err)))
				return
			}
			// Not every database of Dovecot's heeds the mask.
			if userdb.Match(mask, name) && !yield(name, nil) {
				return
			}
		}
	}
}

// explainRefusal adds to a failed connect what the administrator can do.
func (d *Driver) explainRefusal(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w. %s", userdb.Access(d.o.Socket, err), advice())
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (does Dovecot run? its socket is auth-userdb in its base_dir)", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (nobody listens on this socket: does Dovecot run?)", err)
	}
	return err
}

// explainFailure adds to Dovecot's FAIL the most likely cause, if it is the one.
func (d *Driver) explainFailure(err error) error {
	info, statErr := os.Stat(d.o.Socket)
	if statErr != nil || info.Mode().Perm() != 0o666 || os.Geteuid() == 0 {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) == os.Geteuid() {
		return err
	}
	return fmt.Errorf("%w (with mode 0666 of its socket Dovecot answers only for users whose uid is ours, %d). %s", err, os.Geteuid(), advice())
}

func advice() string {
	return fmt.Sprintf("In Dovecot's configuration: service auth { unix_listener auth-userdb { mode = 0600 user = %d } }", os.Geteuid())
}
