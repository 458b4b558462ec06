package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/user"
	"strings"

	"dovetail/internal/userdb"
)

// many tells whether the run is one over several users.
func (s *sweep) many() bool {
	o := s.options
	return o.all || o.file != "" || strings.ContainsAny(o.user, "*?")
}

// names gives the users' names.
func (s *sweep) names(ctx context.Context) iter.Seq2[string, error] {
	o := s.options
	switch {
	case s.url != nil:
		return func(yield func(string, error) bool) { yield(s.url.User, nil) }
	case o.file != "":
		return s.fileNames()
	case o.all:
		return s.listed(ctx, "*")
	case s.many():
		return s.listed(ctx, o.user)
	}
	return func(yield func(string, error) bool) {
		name := o.user
		if name == "" {
			me, err := user.Current()
			if err != nil {
				yield("", fmt.Errorf("flag --user is needed: %w", err))
				return
			}
			name = me.Username
		}
		yield(name, nil)
	}
}

// listed gives the users of the database that match a mask.
func (s *sweep) listed(ctx context.Context, mask string) iter.Seq2[string, error] {
	if l, ok := s.users.Users.(userdb.Lister); ok {
		return l.List(ctx, mask)
	}
	return userdb.Failed(errors.New("this user database cannot list its users; name them with -F"))
}

// fileNames reads the names of a file.
func (s *sweep) fileNames() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		in := io.Reader(os.Stdin)
		if s.options.file != "-" {
			f, err := os.Open(s.options.file)
			if err != nil {
				yield("", err)
				return
			}
			defer f.Close() // nothing was written
			in = f
		}
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			if name := strings.TrimSpace(lines.Text()); name != "" && !yield(name, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield("", err)
		}
	}
}
