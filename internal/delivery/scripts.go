package delivery

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/sieve"
)

// Scripts finds the scripts of a delivery and keeps them compiled. A script is
// compiled anew when its file changes. While a changed site script does not
// compile, its last good version stays in force and OnBroken is told once.
type Scripts struct {
	Before  []string                    // sieve_before: files and directories
	After   []string                    // sieve_after
	Discard string                      // sieve_discard, may be empty
	User    func(u *userdb.User) string // path of the user's script; "" for none
	Default string                      // sieve_default: for users without a script
	// Where included scripts are (RFC 6609): the user's folder (sieve_dir), "" for
	// none, and the site's (sieve_global).
	Personal func(u *userdb.User) string
	Global   string
	Broken   func(path string, err error) // told of a site script that does not compile, once per version
	cache    *scriptCache
}

// ScriptOptions are what a Scripts compiles with.
type ScriptOptions struct {
	Engine  *sieve.Engine
	MaxSize int64 // sieve_max_script_size, bytes
	Now     func() time.Time
}

// Init makes s usable.
func (s *Scripts) Init(o ScriptOptions) {
	s.cache = &scriptCache{
		compile: func(name string, src []byte, global bool, from sieve.Source) (*sieve.Program, error) {
			p, diags := o.Engine.CompileFrom(name, src, global, from)
			if diags.HasErrors() {
				return nil, diags
			}
			return p, nil
		},
		maxSize: o.MaxSize, now: o.Now, broken: s.Broken,
		files: map[string]*scriptFile{}, byText: map[textKey]*compiledText{}, most: maxMemory, globals: map[string]*globalText{},
	}
}

// Chain is the scripts of one delivery in the order in which they run.
type Chain struct {
	Before, User, After []*sieve.Program
	Discard             *sieve.Program
	// Broken says why the user's script cannot run: the message is kept then.
	Broken error
	// UserPath is where the user's script is, or would be.
	UserPath string
}

// isSite tells whether a script of this name is one of the site's.
func (c *Chain) isSite(name string) bool {
	named := func(p *sieve.Program) bool { return p != nil && p.Name == name }
	return slices.ContainsFunc(c.Before, named) || slices.ContainsFunc(c.After, named) || named(c.Discard)
}

// Site gives the chain without the user's script.
func (s *Scripts) Site() (*Chain, error) {
	c := &Chain{}
	var err error
	if c.Before, err = s.site(s.Before); err != nil {
		return nil, err
	}
	if c.After, err = s.site(s.After); err != nil {
		return nil, err
	}
	if s.Discard != "" {
		if progs, err := s.site([]string{s.Discard}); err != nil {
			return nil, err
		} else if len(progs) > 0 {
			c.Discard = progs[0]
		}
	}
	return c, nil
}

// Check compiles all site scripts and gives an error for every one that is broken.
func (s *Scripts) Check() error {
	var errs []error
	for _, path := range append(append([]string{s.Discard, s.Default}, s.Before...), s.After...) {
		if path == "" {
			continue
		}
		files, err := scriptsAt(path)
		errs = append(errs, err)
		for _, f := range files {
			if _, _, err := s.cache.load(f, true, folders{global: s.Global}); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func (s *Scripts) site(paths []string) ([]*sieve.Program, error) {
	var progs []*sieve.Program
	for _, path := range paths {
		files, err := scriptsAt(path)
		if err != nil {
			return nil, mailerr.Temp(err, "Temporary internal error")
		}
		for _, f := range files {
			p, err := s.siteScript(f)
			if err != nil {
				return nil, err
			}
			if p != nil {
				progs = append(progs, p)
			}
		}
	}
	return progs, nil
}

// siteScript gives one script of the site; nil when it is missing, or broken
// without ever having been good: a file just added must not undo what the others do.
func (s *Scripts) siteScript(path string) (*sieve.Program, error) {
	p, changed, err := s.cache.load(path, true, folders{global: s.Global})
	var broken errBroken
	switch {
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return p, nil
	case errors.As(err, &broken):
		if changed && s.Broken != nil {
			s.Broken(path, err)
		}
		return p, nil
	}
	return nil, mailerr.Temp(err, "Temporary internal error")
}

// userScript is a user's script as it was found.
type userScript struct {
	user *userdb.User
	path string
	prog *sieve.Program
	err  error
}

// load reads and compiles a user's script. It is called with the user's rights.
func (s *Scripts) load(u *userdb.User) userScript {
	us := userScript{user: u, err: fs.ErrNotExist}
	if s.User != nil {
		us.path = s.User(u)
	}
	if us.path != "" {
		us.prog, _, us.err = s.cache.load(us.path, false, s.foldersOf(u))
	}
	return us
}

// withUser adds a user's script, or the default one, to the site's chain.
func (s *Scripts) withUser(site *Chain, us userScript) (*Chain, error) {
	c := *site
	c.UserPath = us.path
	p, err := us.prog, us.err
	if missing(err) && s.Default != "" {
		p, err = s.siteScript(s.Default)
	}
	switch {
	case err == nil:
		if p != nil {
			c.User = []*sieve.Program{p}
		}
	case missing(err):
	case errors.As(err, new(errBroken)), errors.Is(err, fs.ErrPermission):
		c.Broken = err
	default:
		return nil, mailerr.Temp(fmt.Errorf("reading the script of %s: %w", us.user.Name, err), "Temporary internal error")
	}
	return &c, nil
}

// For gives the chain of scripts for a user.
func (s *Scripts) For(u *userdb.User) (*Chain, error) {
	site, err := s.Site()
	if err != nil {
		return nil, err
	}
	var us userScript
	if err := ownerOf(u).do(func() error { us = s.load(u); return nil }); err != nil {
		return nil, err
	}
	return s.withUser(site, us)
}

// maxUserLog is the size at which a user's script log begins anew.
const maxUserLog = 10 << 10

// logForUser appends lines to <script>.log, where Pigeonhole's users look for
// the faults of their scripts. It is called with the user's rights. The log is no
// part of the delivery: an error concerns the log alone.
func logForUser(script string, now time.Time, lines ...string) error {
	if script == "" {
		return nil
	}
	path := script + ".log"
	if st, err := os.Lstat(path); err == nil && st.Size() > maxUserLog {
		if err := os.Rename(path, path+".0"); err != nil {
			return err
		}
	}
	f, _, err := fsx.OpenRegular(fsx.OS{}, path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "%s %s\n", now.Format("Jan 02 15:04:05"), line)
	}
	_, err = io.WriteString(f, text.String())
	return errors.Join(err, f.Close())
}
