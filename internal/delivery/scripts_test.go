package delivery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/message"
	"dovetail/internal/userdb"
	"dovetail/sieve"
	"dovetail/sieve/action"
)

const (
	goodScript   = "keep;\n"
	otherScript  = "discard;\n"
	brokenScript = "keep\nfileinto;\n"
)

// put writes a script whose times are old enough to be trusted.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

type scriptsUnderTest struct {
	*Scripts
	dir    string
	clock  time.Time
	broken []string
}

func newScripts(t *testing.T) *scriptsUnderTest {
	t.Helper()
	e, err := sieve.New(sieve.Options{Extensions: "+vnd.dovecot.pipe", GlobalExtensions: "+editheader"})
	if err != nil {
		t.Fatal(err)
	}
	s := &scriptsUnderTest{Scripts: &Scripts{}, dir: t.TempDir(), clock: time.Now().Add(time.Hour)}
	s.Scripts.Broken = func(path string, err error) { s.broken = append(s.broken, filepath.Base(path)) }
	s.Scripts.User = func(u *userdb.User) string { return filepath.Join(u.Home, ".dovecot.sieve") }
	s.Init(ScriptOptions{Engine: e, MaxSize: 1000, Now: func() time.Time { return s.clock }})
	return s
}

func names(progs []*sieve.Program) string {
	var out []string
	for _, p := range progs {
		out = append(out, p.Name)
	}
	return strings.Join(out, " ")
}

func (s *scriptsUnderTest) before(t *testing.T) []*sieve.Program {
	t.Helper()
	c, err := s.Site()
	if err != nil {
		t.Fatal(err)
	}
	return c.Before
}

func TestSiteScriptsInOrder(t *testing.T) {
	s := newScripts(t)
	s.Before = []string{filepath.Join(s.dir, "first.sieve"), filepath.Join(s.dir, "before.d"), filepath.Join(s.dir, "not-there")}
	put(t, filepath.Join(s.dir, "first.sieve"), goodScript)
	put(t, filepath.Join(s.dir, "before.d", "20_b.sieve"), goodScript)
	put(t, filepath.Join(s.dir, "before.d", "10_a.sieve"), goodScript)
	put(t, filepath.Join(s.dir, "before.d", "10_a.sieve~"), brokenScript)
	if got := names(s.before(t)); got != "first 10_a 20_b" {
		t.Errorf("got %s", got)
	}
	put(t, filepath.Join(s.dir, "before.d", "15_new.sieve"), goodScript)
	if got := names(s.before(t)); got != "first 10_a 15_new 20_b" {
		t.Errorf("after adding one: %s", got)
	}
}

func TestSiteScriptKeepsItsLastGoodVersion(t *testing.T) {
	s := newScripts(t)
	path := filepath.Join(s.dir, "site.sieve")
	s.Before = []string{path}
	put(t, path, goodScript)
	first := s.before(t)
	if again := s.before(t); again[0] != first[0] {
		t.Error("an unchanged script was compiled again")
	}
	put(t, path, brokenScript)
	for range 3 {
		if got := s.before(t); len(got) != 1 || got[0] != first[0] {
			t.Errorf("broken: %v instead of the last good version", got)
		}
	}
	if len(s.broken) != 1 {
		t.Errorf("told of the broken script %d times", len(s.broken))
	}
	put(t, path, otherScript)
	if got := s.before(t); len(got) != 1 || got[0] == first[0] {
		t.Error("the mended script is not in force")
	}
	put(t, filepath.Join(s.dir, "new.sieve"), brokenScript)
	s.Before = append(s.Before, filepath.Join(s.dir, "new.sieve"))
	if got := names(s.before(t)); got != "site" {
		t.Errorf("with a new broken script: %s", got)
	}
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "new.sieve") && !strings.Contains(err.Error(), "new:") {
		t.Errorf("Check: %v", err)
	}
}

// Two writes of one length within a tick of the file system's clock differ in content
// only. The first one was read between them, the second one is looked for much later.
func TestYoungScriptIsReadAgain(t *testing.T) {
	s := newScripts(t)
	s.clock = time.Now()
	path := filepath.Join(s.dir, "site.sieve")
	s.Before = []string{path}
	put(t, path, "keep;   \n")
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	first := s.before(t)
	put(t, path, "discard;\n")
	if err := os.Chtimes(path, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if known := s.cache.files[path]; known.id != (fileID{}) {
		known.id = identifyPath(t, path) // as if the file system's clock had not moved
	}
	s.clock = s.clock.Add(time.Hour)
	if got := s.before(t); got[0] == first[0] {
		t.Error("the old script is still in force")
	}
}

func identifyPath(t *testing.T, path string) fileID {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return identify(st)
}

func TestUserScript(t *testing.T) {
	tests := []struct {
		name   string
		setup  func(t *testing.T, home string)
		def    string // sieve_default
		want   string // programs of the user
		broken string
		code   int
	}{
		{name: "good", setup: func(t *testing.T, home string) { put(t, home+"/.dovecot.sieve", goodScript) }, want: ".dovecot"},
		{name: "missing", setup: func(*testing.T, string) {}},
		{name: "no home", setup: func(t *testing.T, home string) { os.Remove(home) }},
		{name: "missing, default", setup: func(*testing.T, string) {}, def: goodScript, want: "default"},
		{name: "broken", setup: func(t *testing.T, home string) { put(t, home+"/.dovecot.sieve", brokenScript) }, broken: "error"},
		{name: "global extension", setup: func(t *testing.T, home string) {
			put(t, home+"/.dovecot.sieve", `require "editheader"; addheader "X" "y";`)
		}, broken: "restricted to global scripts"},
		{name: "too large", setup: func(t *testing.T, home string) {
			put(t, home+"/.dovecot.sieve", strings.Repeat("# comment\n", 101))
		}, broken: "sieve_max_script_size"},
		{name: "fifo", setup: func(t *testing.T, home string) {
			if err := syscall.Mkfifo(home+"/.dovecot.sieve", 0o644); err != nil {
				t.Fatal(err)
			}
		}, broken: "not a regular file"},
		{name: "directory", setup: func(t *testing.T, home string) { put(t, home+"/.dovecot.sieve/x", "") }, broken: "not a regular file"},
		{name: "link in a circle is a fault", setup: func(t *testing.T, home string) {
			if err := os.Symlink(".dovecot.sieve", home+"/.dovecot.sieve"); err != nil {
				t.Fatal(err)
			}
		}, code: 451},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScripts(t)
			home := filepath.Join(s.dir, "home")
			if err := os.Mkdir(home, 0o755); err != nil {
				t.Fatal(err)
			}
			tt.setup(t, home)
			if tt.def != "" {
				s.Default = filepath.Join(s.dir, "default.sieve")
				put(t, s.Default, tt.def)
			}
			c, err := s.withUser(&Chain{}, s.load(&userdb.User{Name: "anna", Home: home}))
			if tt.code != 0 {
				if err == nil || mailerr.Of(err).Code != tt.code {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := names(c.User); got != tt.want {
				t.Errorf("programs %q, want %q", got, tt.want)
			}
			if (c.Broken == nil) != (tt.broken == "") || c.Broken != nil && !strings.Contains(c.Broken.Error(), tt.broken) {
				t.Errorf("broken: %v", c.Broken)
			}
		})
	}
}

func TestEqualScriptsAreOneProgram(t *testing.T) {
	s := newScripts(t)
	var progs []*sieve.Program
	for _, user := range []string{"anna", "bert"} {
		home := filepath.Join(s.dir, user)
		put(t, home+"/.dovecot.sieve", goodScript)
		c, err := s.withUser(&Chain{}, s.load(&userdb.User{Name: user, Home: home}))
		if err != nil {
			t.Fatal(err)
		}
		progs = append(progs, c.User...)
	}
	if len(progs) != 2 || progs[0] != progs[1] {
		t.Error("the same script was compiled twice")
	}
}

// The memory of compiled scripts is bounded: with more users than there is room
// for, each gets the own script all the same, and the site's last good one stays.
func TestScriptMemory(t *testing.T) {
	s := newScripts(t)
	site := filepath.Join(s.dir, "site.sieve")
	s.Before = []string{site}
	put(t, site, goodScript)
	s.before(t)
	put(t, site, brokenScript)
	s.cache.most = 3 * memoryOf(100)
	for i := range 30 {
		user := fmt.Sprint("user", i%10)
		home := filepath.Join(s.dir, user)
		if i < 10 {
			put(t, home+"/.dovecot.sieve", fmt.Sprintf("require \"fileinto\";\nfileinto %q;%s\n", user, strings.Repeat(" ", 60)))
		}
		us := s.load(&userdb.User{Name: user, Home: home})
		if us.err != nil {
			t.Fatal(us.err)
		}
		res := us.prog.Run(t.Context(), message.Parse([]byte("From: a@b\n\n")), &sieve.Env{})
		if len(res.Actions) != 1 || res.Actions[0].(*action.Store).Mailbox != user {
			t.Fatalf("%s got %v", user, res.Actions)
		}
		if c := s.cache; c.memory > c.most || len(c.files) > 4 || len(c.byText) > 4 {
			t.Fatalf("%d bytes, %d files, %d texts", c.memory, len(c.files), len(c.byText))
		}
	}
	if got := names(s.before(t)); got != "site" {
		t.Errorf("scripts of the site: %q", got)
	}
	for path := range s.cache.files {
		s.cache.forget(path)
	}
	if c := s.cache; c.memory != 0 || len(c.byText) != 0 {
		t.Errorf("%d bytes and %d texts of no file", c.memory, len(c.byText))
	}
}

func TestUserLog(t *testing.T) {
	script := filepath.Join(t.TempDir(), "x.sieve")
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for range 300 {
		if err := logForUser(script, now, strings.Repeat("fault ", 10)); err != nil {
			t.Fatal(err)
		}
	}
	st, err := os.Stat(script + ".log")
	if err != nil || st.Size() > 2*maxUserLog {
		t.Errorf("log: %v %v", st, err)
	}
	if _, err := os.Stat(script + ".log.0"); err != nil {
		t.Errorf("the full log was not put aside: %v", err)
	}
	os.Remove(script + ".log")
	if err := os.Symlink("/etc/passwd", script+".log"); err != nil {
		t.Fatal(err)
	}
	if err := logForUser(script, now, "x"); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link was followed: %v", err)
	}
	os.Remove(script + ".log")
	if err := syscall.Mkfifo(script+".log", 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(script+".log", os.O_RDWR, 0) // it can be written to
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := logForUser(script, now, "x"); err == nil || !errors.Is(err, fsx.ErrIrregular) {
		t.Errorf("a pipe was written to: %v", err)
	}
}
