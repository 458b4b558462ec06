package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"dovetail/internal/userdb"
	"dovetail/sieve"
)

// folders are where included scripts are (RFC 6609 section 3.2).
type folders struct {
	personal string // "" in scripts of the site: known when they run for somebody
	global   string
}

// dependency is a file that a compiled script includes, as it was found.
type dependency struct {
	path string
	at   sieve.Location
	id   fileID
	gone bool // there was none
}

// changed tells whether a file is not, or may not be, what it was.
func (d dependency) changed() bool {
	var st fs.FileInfo
	var err error
	d.withRights(func() { st, err = os.Stat(d.path) })
	if missing(err) {
		return !d.gone
	}
	return err != nil || d.gone || identify(st) != d.id
}

// withRights runs f with the rights that go with the location: personal scripts
// are touched with those in force, the user's; scripts of the site with those of
// the process, which other threads than the present one still have.
func (d dependency) withRights(f func()) {
	if d.at != sieve.Global {
		f()
		return
	}
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	<-done
}

// includer reads the scripts that one script includes, and notes what it read.
type includer struct {
	cache   *scriptCache
	folders folders
	deps    []dependency
	size    int64 // of the texts, in bytes
	open    bool  // something is left to the run
	err     error // of reading, and may pass
	plain   bool  // the present versions of the site's scripts count
}

// Script is sieve.Source's.
func (i *includer) Script(at sieve.Location, name string) (file string, src []byte, err error) {
	dir := i.folders.global
	if at == sieve.Personal {
		if dir = i.folders.personal; dir == "" {
			i.open = true
			return name, nil, sieve.ErrAtRun
		}
	}
	if dir == "" {
		return name, nil, sieve.ErrNoScript
	}
	d := dependency{path: filepath.Join(dir, name+".sieve"), at: at}
	d.withRights(func() { src, d.id, err = i.cache.read(d.path) })
	d.gone = missing(err)
	i.deps = append(i.deps, d)
	i.size += int64(len(src))
	switch {
	case d.gone:
		return name, nil, sieve.ErrNoScript
	case err != nil:
		if !errors.As(err, new(errBroken)) && !errors.Is(err, fs.ErrPermission) {
			i.err = fmt.Errorf("script %s: %w", d.path, err)
		}
		return name, nil, err
	case at == sieve.Global && !i.plain:
		src = i.cache.lastGood(d.path, src, i.folders)
	}
	return name, src, nil
}

// globalText is the text of a script of the site that others include.
type globalText struct {
	src  []byte // as it was looked at
	good []byte // the last that compiles; src when none did
}

// lastGood gives the last text of a script of the site that compiles by itself,
// so that a mistake in it does not break the scripts of all users that include
// it. A text that does not is told of once.
func (c *scriptCache) lastGood(path string, src []byte, in folders) []byte {
	c.mu.Lock()
	known := c.globals[path]
	c.mu.Unlock()
	if known != nil && bytes.Equal(known.src, src) {
		return known.good
	}
	text := &globalText{src: src, good: src}
	in.personal = ""
	if _, err := c.compile(scriptName(path), src, true, &includer{cache: c, folders: in, plain: true}); err != nil {
		if c.broken != nil {
			c.broken(path, err)
		}
		if known != nil {
			text.good = known.good
		}
	}
	c.mu.Lock()
	c.globals[path] = text
	c.mu.Unlock()
	return text.good
}

// fresh tells whether all that a script includes is as it was.
func (c *scriptCache) fresh(deps []dependency) bool {
	for _, d := range deps {
		if d.changed() {
			return false
		}
	}
	return true
}

// foldersOf gives the folders of included scripts for a user's script.
func (s *Scripts) foldersOf(u *userdb.User) folders {
	f := folders{global: s.Global}
	if s.Personal != nil {
		f.personal = s.Personal(u)
	}
	if f.personal == "" {
		f.personal = noFolder
	}
	return f
}

// noFolder is a folder that holds no scripts.
const noFolder = "/dev/null"

// userIncludes gives a user's scripts to the site's that include them.
type userIncludes struct {
	scripts *Scripts
	user    *userdb.User
	owner   Owner
}

// Program is sieve.Scripts'.
func (i userIncludes) Program(_ context.Context, at sieve.Location, name string) (p *sieve.Program, err error) {
	if at != sieve.Personal {
		return nil, sieve.ErrNoScript
	}
	in := i.scripts.foldersOf(i.user)
	err = i.owner.do(func() error {
		p, _, err = i.scripts.cache.load(filepath.Join(in.personal, name+".sieve"), false, in)
		return err
	})
	if missing(err) {
		return nil, sieve.ErrNoScript
	}
	return p, err
}

// missing tells of an error that there is no such file, on whatever part of its path.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
