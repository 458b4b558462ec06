package delivery

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/internal/userdb"
	"dovetail/sieve"
	"dovetail/sieve/action"
)

// newIncludes makes scripts with folders to include from, and a user.
func newIncludes(t *testing.T) (*scriptsUnderTest, *userdb.User) {
	t.Helper()
	s := newScripts(t)
	s.Global = filepath.Join(s.dir, "global")
	s.Personal = func(u *userdb.User) string { return filepath.Join(u.Home, "sieve") }
	u := &userdb.User{Name: "anna", Home: filepath.Join(s.dir, "anna"), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	return s, u
}

// stored runs a chain over a message and gives the mailboxes asked for.
func stored(t *testing.T, s *scriptsUnderTest, u *userdb.User, c *Chain) (boxes string, res *sieve.Result) {
	t.Helper()
	env := &sieve.Env{
		Envelope: &message.Envelope{From: "a@example.org", To: "b@example.org"},
		Scripts:  userIncludes{s.Scripts, u, Owner{}},
	}
	m := message.Parse([]byte("Subject: x\n\ny\n"))
	res = sieve.RunSequence(t.Context(), append(append([]*sieve.Program{}, c.Before...), c.User...), nil, m, env)
	var names []string
	for _, a := range res.Actions {
		names = append(names, a.(*action.Store).Mailbox)
	}
	return strings.Join(names, " "), res
}

// chain gives a user's chain, with the rights of the process.
func (s *scriptsUnderTest) chain(t *testing.T, u *userdb.User) *Chain {
	t.Helper()
	site, err := s.Site()
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.withUser(site, s.load(u))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fileInto(box string) string { return "require \"fileinto\"; fileinto \"" + box + "\";\n" }

func TestIncludes(t *testing.T) {
	s, u := newIncludes(t)
	put(t, filepath.Join(u.Home, ".dovecot.sieve"), `require "include"; include "a"; include :global "b"; include :optional "later";`)
	put(t, filepath.Join(u.Home, "sieve", "a.sieve"), fileInto("personal"))
	put(t, filepath.Join(s.Global, "b.sieve"), fileInto("global"))
	if got, _ := stored(t, s, u, s.chain(t, u)); got != "personal global" {
		t.Errorf("stored in %q", got)
	}
	first := s.chain(t, u)
	if second := s.chain(t, u); second.User[0] != first.User[0] {
		t.Error("compiled again without a change")
	}
	put(t, filepath.Join(u.Home, "sieve", "a.sieve"), fileInto("changed"))
	put(t, filepath.Join(u.Home, "sieve", "later.sieve"), fileInto("later"))
	if got, _ := stored(t, s, u, s.chain(t, u)); got != "changed global later" {
		t.Errorf("after a change stored in %q", got)
	}
	if err := os.Remove(filepath.Join(u.Home, "sieve", "a.sieve")); err != nil {
		t.Fatal(err)
	}
	if c := s.chain(t, u); c.Broken == nil || !strings.Contains(c.Broken.Error(), "'a' does not exist") {
		t.Errorf("without an included script: %v", c.Broken)
	}
}

func TestIncludesOfOthers(t *testing.T) {
	s, anna := newIncludes(t)
	bert := &userdb.User{Name: "bert", Home: filepath.Join(s.dir, "bert"), UID: anna.UID, GID: anna.GID}
	for _, u := range []*userdb.User{anna, bert} {
		put(t, filepath.Join(u.Home, ".dovecot.sieve"), `require "include"; include "a";`)
		put(t, filepath.Join(u.Home, "sieve", "a.sieve"), fileInto("of-"+u.Name))
	}
	for _, u := range []*userdb.User{anna, bert} {
		if got, _ := stored(t, s, u, s.chain(t, u)); got != "of-"+u.Name {
			t.Errorf("%s's mail is stored in %q", u.Name, got)
		}
	}
}

func TestIncludedGlobalScriptBreaks(t *testing.T) {
	s, u := newIncludes(t)
	put(t, filepath.Join(u.Home, ".dovecot.sieve"), `require "include"; include :global "b";`)
	put(t, filepath.Join(s.Global, "b.sieve"), fileInto("good"))
	s.chain(t, u)
	put(t, filepath.Join(s.Global, "b.sieve"), brokenScript)
	for range 2 {
		c := s.chain(t, u)
		if got, _ := stored(t, s, u, c); got != "good" || c.Broken != nil {
			t.Errorf("stored in %q, %v", got, c.Broken)
		}
	}
	if len(s.broken) != 1 || s.broken[0] != "b.sieve" {
		t.Errorf("told of %q", s.broken)
	}
	put(t, filepath.Join(s.Global, "b.sieve"), fileInto("mended"))
	if got, _ := stored(t, s, u, s.chain(t, u)); got != "mended" {
		t.Errorf("stored in %q", got)
	}
}

// A script of the site is compiled once for all users, and includes each one's own.
func TestSiteIncludesPersonal(t *testing.T) {
	s, u := newIncludes(t)
	s.Before = []string{filepath.Join(s.dir, "site.sieve")}
	put(t, s.Before[0], `require "include"; include "a"; include :optional "none"; include :global "b";`)
	put(t, filepath.Join(s.Global, "b.sieve"), fileInto("global"))
	put(t, filepath.Join(u.Home, "sieve", "a.sieve"), fileInto("personal"))
	if got, _ := stored(t, s, u, s.chain(t, u)); got != "personal global" {
		t.Errorf("stored in %q", got)
	}
	// What only the site may use stays so.
	put(t, filepath.Join(u.Home, "sieve", "a.sieve"), `require "editheader"; addheader "X" "y";`)
	if _, res := stored(t, s, u, s.chain(t, u)); res.Err == nil || !strings.Contains(res.Err.Error(), "restricted to global scripts") {
		t.Errorf("error %v", res.Err)
	}
	if err := os.Remove(filepath.Join(u.Home, "sieve", "a.sieve")); err != nil {
		t.Fatal(err)
	}
	if _, res := stored(t, s, u, s.chain(t, u)); !errors.Is(res.Err, sieve.ErrNoScript) {
		t.Errorf("error %v", res.Err)
	}
}

func TestIncludesOfNobody(t *testing.T) {
	s, u := newIncludes(t)
	s.Personal, s.Global = nil, ""
	put(t, filepath.Join(u.Home, ".dovecot.sieve"), `require "include"; include :optional "a"; include :optional :global "b"; include "c";`)
	if c := s.chain(t, u); c.Broken == nil || strings.Count(c.Broken.Error(), "does not exist") != 1 {
		t.Errorf("broken: %v", c.Broken)
	}
	if _, err := (userIncludes{s.Scripts, u, Owner{}}).Program(t.Context(), sieve.Global, "b"); !errors.Is(err, sieve.ErrNoScript) {
		t.Errorf("a global script at run time: %v", err)
	}
}

// Personal scripts are read with the user's rights, the site's with its own.
func TestIncludesWithRights(t *testing.T) {
	peer.Need(t, peer.Root)
	s, u := newIncludes(t)
	u.UID, u.GID = 65534, 65534
	chain := func() *Chain {
		c, err := s.For(u)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for dir := s.dir; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(u.Home, ".dovecot.sieve"), `require "include"; include :global "b";`)
	put(t, filepath.Join(s.Global, "b.sieve"), fileInto("global"))
	if err := os.Chmod(s.Global, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, _ := stored(t, s, u, chain()); got != "global" {
		t.Errorf("stored in %q", got)
	}
	put(t, filepath.Join(u.Home, "sieve", "readable.sieve"), fileInto("x"))
	if err := os.Symlink(filepath.Join(s.Global, "b.sieve"), filepath.Join(u.Home, "sieve", "link.sieve")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(u.Home, ".dovecot.sieve"), `require "include"; include "link";`)
	if c := chain(); c.Broken == nil || !strings.Contains(c.Broken.Error(), "permission denied") {
		t.Errorf("broken: %v", c.Broken)
	}
}

func TestIncludeChangedJustNow(t *testing.T) {
	s, u := newIncludes(t)
	s.clock = time.Now() // times of files prove nothing
	put(t, filepath.Join(u.Home, ".dovecot.sieve"), `require "include"; include "a";`)
	for _, box := range []string{"1", "2", "3"} {
		put(t, filepath.Join(u.Home, "sieve", "a.sieve"), fileInto(box))
		if got, _ := stored(t, s, u, s.chain(t, u)); got != box {
			t.Errorf("stored in %q, not in %q", got, box)
		}
	}
}
