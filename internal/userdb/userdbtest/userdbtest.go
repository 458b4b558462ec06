// Package userdbtest is the suite that every user database driver passes.
package userdbtest

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
)

// Fixture is a driver with what is in its database.
type Fixture struct {
	Driver userdb.Lookuper
	Users  []userdb.User // some users, as Lookup must give them
	// All are the names that List gives; nil when the driver cannot list.
	All []string
	// Broken is the same driver over a database that cannot be read; nil where
	// there is no such thing.
	Broken userdb.Lookuper
}

// Run runs the suite.
func Run(t *testing.T, f Fixture) {
	ctx := t.Context()
	t.Run("known users", func(t *testing.T) {
		for _, want := range f.Users {
			got, err := f.Driver.Lookup(ctx, want.Name)
			if err != nil {
				t.Errorf("%s: %v", want.Name, err)
				continue
			}
			check(t, got, &want)
		}
	})
	t.Run("the answer belongs to the caller", func(t *testing.T) {
		for _, want := range f.Users {
			first, err := f.Driver.Lookup(ctx, want.Name)
			if err != nil {
				t.Fatal(err)
			}
			first.Home, first.Mail = "spoilt", "spoilt"
			for i := range first.Groups {
				first.Groups[i] = 99999
			}
			for i := range first.QuotaRules {
				first.QuotaRules[i] = "spoilt"
			}
			for key := range first.Fields {
				first.Fields[key] = "spoilt"
			}
			again, err := f.Driver.Lookup(ctx, want.Name)
			if err != nil {
				t.Fatal(err)
			}
			check(t, again, &want)
		}
	})
	t.Run("unknown users", func(t *testing.T) { unknown(t, f.Driver) })
	t.Run("no name does harm", func(t *testing.T) { hostile(t, f.Driver, f.Users) })
	t.Run("many at once", func(t *testing.T) { many(t, f) })
	t.Run("list", func(t *testing.T) { list(t, f) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, f.Driver) })
	t.Run("a fault is temporary", func(t *testing.T) {
		if f.Broken == nil {
			return
		}
		for _, name := range []string{"nobody-has-this-name", f.Users[0].Name} {
			user, err := f.Broken.Lookup(ctx, name)
			if user != nil || err == nil || mailerr.Of(err).Class != mailerr.Temporary || mailerr.Of(err).Code/100 != 4 {
				t.Errorf("%s: got %v, %v", name, user, err)
			}
		}
	})
}

func check(t *testing.T, got, want *userdb.User) {
	t.Helper()
	g, w := got.Clone(), want.Clone()
	if len(g.Fields) == 0 && len(w.Fields) == 0 {
		g.Fields, w.Fields = nil, nil
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %+v\nwant %+v", *g, *w)
	}
}

// unknown checks that names are refused for good, with an error that says 550.
func unknown(t *testing.T, driver userdb.Lookuper) {
	if a, ok := driver.(userdb.Agreeable); ok && a.Agreeable() {
		return
	}
	for _, name := range []string{"nobody-has-this-name", "nobody-has-this-name@example.org", "%u", "*", "..", "bob\x01tx"} {
		user, err := driver.Lookup(t.Context(), name)
		if user != nil || err == nil {
			t.Errorf("%q: got %v, %v", name, user, err)
			continue
		}
		if e := mailerr.Of(err); e.Code != 550 || e.Status != [3]int{5, 1, 1} || e.Exit != mailerr.ExNoUser {
			t.Errorf("%q: error %v is %d %s", name, err, e.Code, e.Reply())
		}
	}
}

// hostile checks names that mean something to a protocol, a file or a path.
func hostile(t *testing.T, driver userdb.Lookuper, users []userdb.User) {
	known := users[0]
	for _, name := range []string{
		"", ".", "..", "../" + known.Name, known.Name + "/..", "/etc/passwd", "a/../" + known.Name,
		known.Name + "\tservice=x", known.Name + "\n", known.Name + "\r", known.Name + "\x00", "\n" + known.Name,
		known.Name + ":", ":" + known.Name, "#" + known.Name, strings.Repeat("x", 100000),
	} {
		user, err := driver.Lookup(t.Context(), name)
		if err != nil {
			if mailerr.Of(err).Class == mailerr.Temporary {
				t.Errorf("%.40q is a fault: %v", name, err)
			}
			continue
		}
		if user.Home == known.Home || strings.Contains(user.Home+"/", "/../") || strings.Contains(user.Name, "/") {
			t.Errorf("%.40q became %v", name, user)
		}
	}
	if got, err := driver.Lookup(t.Context(), known.Name); err != nil {
		t.Errorf("after all that: %v, %v", got, err)
	}
}

func many(t *testing.T, f Fixture) {
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				for _, want := range f.Users {
					got, err := f.Driver.Lookup(t.Context(), want.Name)
					if err != nil || got.Name != want.Name || got.Home != want.Home {
						t.Errorf("%s: got %v, %v", want.Name, got, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func list(t *testing.T, f Fixture) {
	lister, ok := f.Driver.(userdb.Lister)
	if !ok {
		if f.All != nil {
			t.Error("the driver cannot list")
		}
		return
	}
	collect := func(mask string) ([]string, error) {
		names := map[string]bool{}
		for name, err := range lister.List(t.Context(), mask) {
			if err != nil {
				return nil, err
			}
			names[name] = true
		}
		return slices.Sorted(maps.Keys(names)), nil
	}
	if f.All == nil {
		if names, err := collect("*"); err == nil {
			t.Errorf("expected an error, got %v", names)
		}
		return
	}
	all := slices.Sorted(slices.Values(f.All))
	if got, err := collect("*"); err != nil || !slices.Equal(got, all) {
		t.Errorf("got %v, %v, want %v", got, err, all)
	}
	first := all[0]
	if got, err := collect(strings.ToUpper(first[:1]) + "?" + first[2:]); err != nil || !slices.Contains(got, first) {
		t.Errorf("a mask for %s: got %v, %v", first, got, err)
	}
	if got, err := collect("no*such?name"); err != nil || len(got) != 0 {
		t.Errorf("a mask for nobody: got %v, %v", got, err)
	}
	for range lister.List(t.Context(), "*") {
		break // stopping early must not panic
	}
}

// cancelled checks that a call that was called off gives no definite no.
func cancelled(t *testing.T, driver userdb.Lookuper) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := driver.Lookup(ctx, "nobody-has-this-name"); errors.Is(err, context.Canceled) && mailerr.IsPermanent(err) {
		t.Errorf("a cancelled look-up is permanent: %v", err)
	}
}
