package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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

// names gives the users' names: with an error those that came before it. All of them come
// before the work begins, since a database does not wait for its answer to be taken.
func (s *sweep) names(ctx context.Context) (all []string, err error) {
	o := s.options
	switch {
	case s.url != nil:
		return []string{s.url.User}, nil
	case o.file != "":
		return s.fileNames()
	case o.all:
		return s.listed(ctx, "*")
	case s.many():
		return s.listed(ctx, o.user)
	case o.user != "":
		return []string{o.user}, nil
	}
	me, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("flag --user is needed: %w", err)
	}
	return []string{me.Username}, nil
}

// listed gives the users of the database that match a mask.
func (s *sweep) listed(ctx context.Context, mask string) (all []string, err error) {
	l, ok := s.users.Users.(userdb.Lister)
	if !ok {
		return nil, errors.New("this user database cannot list its users; name them with -F")
	}
	for name, err := range l.List(ctx, mask) {
		if err != nil {
			return all, err
		}
		all = append(all, name)
	}
	return all, nil
}

// fileNames reads the names of a file.
func (s *sweep) fileNames() (all []string, err error) {
	in := s.stdin
	if s.options.file != "-" {
		f, err := os.Open(s.options.file)
		if err != nil {
			return nil, err
		}
		defer f.Close() // nothing was written
		in = f
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if name := strings.TrimSpace(lines.Text()); name != "" {
			all = append(all, name)
		}
	}
	return all, lines.Err()
}
