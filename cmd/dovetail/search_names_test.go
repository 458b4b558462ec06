package main

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
)

// database lists three users, and fails then.
type database struct{ done bool }

func (d *database) Lookup(context.Context, string) (*userdb.User, error) {
	return nil, errors.New("nobody is looked up")
}

func (d *database) List(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		defer func() { d.done = true }()
		for _, name := range []string{"a", "b", "c"} {
			if !yield(name, nil) {
				return
			}
		}
		yield("", errors.New("the database is down"))
	}
}

// Work for users begins when the database has been heard out, and is done for those that
// it named before it failed.
func TestUsersAreListedFirst(t *testing.T) {
	db := &database{}
	var said strings.Builder
	var worked []string
	s := &sweep{options: &sweepOptions{all: true}, users: &userdb.Resolver{Users: db}, stderr: &said}
	s.work = func(_ context.Context, name string) error {
		if !db.done {
			t.Errorf("%s has a turn while the database waits", name)
		}
		worked = append(worked, name)
		return nil
	}
	err := s.run(t.Context())
	if got := strings.Join(worked, " "); got != "a b c" || mailerr.ExitCode(err) != mailerr.ExTempFail || !strings.Contains(said.String(), "listing the users: the database is down") {
		t.Errorf("worked for %s; %v, %s", got, err, &said)
	}
}
