// Package passwdfile is the user database in Dovecot's passwd-file format, one
// user per line:
//
//	user:password:uid:gid:(gecos):home:(shell):extra fields
//
// Uid and gid are numbers or names of the machine; where they or the home are
// empty, or the line ends before them, the defaults of the configuration hold.
// Without a default uid a line that ends before the gid is no user, only an
// entry of Dovecot's passdb. Extra fields are separated by blanks; those named
// userdb_… count here (userdb_mail=, userdb_quota_rule=), with Dovecot's
// variables in their values. A name that, filled in there or into the default home,
// would lead out of the place that is meant (with "/" in it) is a user that does not
// exist: with a UsernameFormat of %d one line stands for all names. In the old format the shell is followed by an empty
// field and the mail location. Lines that begin with # or : are comments. Of two
// lines for one user the first holds. The file's last line needs a line end,
// else the file may look half written for its first seconds.
//
// The file is kept in memory and read again when it changes. Its name may hold
// variables (/etc/mail/%d/passwd): one file per domain, and a domain without a
// file has no users. A line that makes no sense is a temporary fault for its
// user and harms no other.
package passwdfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
)

// Options are the settings of the driver.
type Options struct {
	Path           string // template
	UsernameFormat string // template: the name to look for in the file; empty is %u
	// Defaults for lines that leave them out. UID and GID are numbers or names,
	// Home is a template.
	UID, GID, Home string
	Mail           string // mail location of users who have none; empty means the configuration's
}

// Driver is the user database. It is safe for many goroutines.
type Driver struct {
	path, format, home *expand.Template
	uid, gid           uint32
	mail               string

	mu    sync.Mutex
	files map[string]*file // by path
}

type file = userdb.File[map[string]*entry]

// New checks the settings; it does not read the file.
func New(o Options) (*Driver, error) {
	d := &Driver{mail: o.Mail, files: make(map[string]*file)}
	var errs [5]error
	d.path, errs[0] = expand.Parse(o.Path)
	if o.UsernameFormat != "" {
		d.format, errs[1] = expand.Parse(o.UsernameFormat)
	}
	if o.UID != "" {
		d.uid, errs[2] = userdb.UID(o.UID)
	}
	if o.GID != "" {
		d.gid, errs[3] = userdb.GID(o.GID)
	}
	d.home, errs[4] = expand.Parse(o.Home)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return d, nil
}

// Lookup implements userdb.Lookuper.
func (d *Driver) Lookup(_ context.Context, name string) (*userdb.User, error) {
	if err := userdb.CheckName(name); err != nil {
		return nil, err
	}
	entries, half, err := d.read(name)
	switch {
	case errors.Is(err, errNoFile):
		return nil, userdb.Unknown(name)
	case err != nil:
		return nil, userdb.Fault(err)
	}
	key := name
	if d.format != nil {
		key = d.format.Expand(&expand.Vars{User: name})
	}
	e := entries[key]
	if e == nil || e.passdbOnly && d.uid == 0 {
		if half {
			return nil, userdb.Fault(errors.New("the passwd-file has just changed and its last line has no end: it may still be written"))
		}
		return nil, userdb.Unknown(name)
	}
	user, err := d.user(e, name)
	switch {
	case errors.Is(err, errUnfit):
		return nil, userdb.Unknown(name)
	case err != nil:
		return nil, userdb.Fault(fmt.Errorf("passwd-file line %d, user %s: %w", e.line, name, err))
	}
	return user, nil
}

// user makes a user of a line and the defaults.
func (d *Driver) user(e *entry, name string) (*userdb.User, error) {
	if e.err != nil {
		return nil, e.err
	}
	vars := &expand.Vars{User: name}
	u := &userdb.User{Name: name, UID: d.uid, GID: d.gid, Home: e.home}
	if e.uid != 0 {
		u.UID = e.uid
	}
	if e.gid != 0 {
		u.GID = e.gid
	}
	for _, f := range e.extra {
		value, err := f.value.Path(vars, ":")
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUnfit, err)
		}
		if err := u.Set(f.key, value); err != nil {
			return nil, err
		}
	}
	u.Finish()
	if u.Mail == "" {
		u.Mail = d.mail
	}
	if u.Home == "" {
		var err error
		if u.Home, err = d.home.Path(vars, ""); err != nil {
			return nil, fmt.Errorf("%w: %w", errUnfit, err)
		}
	}
	return u, nil
}

// errUnfit says that a name, filled into a path, would lead elsewhere than is meant.
var errUnfit = errors.New("no name for a path")

var errNoFile = errors.New("no such file")

// read gives the entries of the file that is responsible for a name.
func (d *Driver) read(name string) (entries map[string]*entry, half bool, err error) {
	path, err := d.path.Path(&expand.Vars{User: name}, "")
	if err != nil {
		return nil, false, errNoFile
	}
	f := d.file(path)
	entries, half, err = f.Get()
	if errors.Is(err, fs.ErrNotExist) && !d.path.Constant() && d.placeIsThere() {
		d.mu.Lock()
		delete(d.files, path) // names of foreign domains must not pile up
		d.mu.Unlock()
		return nil, false, errNoFile
	}
	return entries, half, err
}

func (d *Driver) file(path string) *file {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[path]
	if f == nil {
		f = &file{Path: path, Parse: parse}
		d.files[path] = f
	}
	return f
}

// placeIsThere tells whether the directory above the first variable of the path
// holds anything: a file missing in a directory that is not mounted says nothing
// about a domain.
func (d *Driver) placeIsThere() bool {
	fixed, _, _ := strings.Cut(d.path.String(), "%")
	dir, err := os.Open(filepath.Dir(fixed + "x"))
	if err != nil {
		return false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return false
	}
	return err == nil && len(names) > 0
}

// List implements userdb.Lister. Files per domain cannot be listed.
func (d *Driver) List(_ context.Context, mask string) iter.Seq2[string, error] {
	if !d.path.Constant() {
		return userdb.Failed(fmt.Errorf("passwd-file %s: users of files per domain cannot be listed", d.path))
	}
	entries, _, err := d.file(d.path.Expand(&expand.Vars{})).Get()
	if err != nil {
		return userdb.Failed(err)
	}
	return userdb.Names(func(yield func(string) bool) {
		for name, e := range entries {
			if e.err == nil && (!e.passdbOnly || d.uid != 0) && !yield(name) {
				return
			}
		}
	}, mask)
}
