package program_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/userdb"
	"dovetail/learn"
	"dovetail/learn/learntest"
	"dovetail/learn/program"
)

// site is a folder of programs, and users with homes.
type site struct {
	programs, homes string
	list            []peer.User
}

func newSite(t *testing.T) *site {
	t.Helper()
	peer.Need(t, peer.Root)
	list := peer.OwnUIDs(learntest.Users)
	return &site{peer.Dir(t), peer.Homes(t, filepath.Join(peer.Dir(t), "homes"), list), list}
}

func (s *site) lookup(_ context.Context, name string) (*userdb.User, error) {
	for _, p := range s.list {
		if p.Name == name {
			return &userdb.User{Name: name, UID: uint32(p.UID), GID: uint32(p.GID), Home: filepath.Join(s.homes, name)}, nil
		}
	}
	return nil, userdb.Unknown(name)
}

// script makes a shell script and gives its path.
func (s *site) script(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.programs, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *site) backend(t *testing.T, o program.Options) *program.Backend {
	t.Helper()
	o.Lookup = s.lookup
	b, err := program.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// counter keeps a file of each message in a folder of its class, as a program that
// knows its messages would.
const counter = `
cd "$HOME" && mkdir -p spam ham && cat >new || exit 75
if [ -n "$DOVETAIL_LEARN_PRIOR" ]; then rm "$DOVETAIL_LEARN_PRIOR/$DOVETAIL_LEARN_HASH" || exit 75; fi
mv new "$1/$DOVETAIL_LEARN_HASH"`

func TestProgram(t *testing.T) {
	s := newSite(t)
	path := s.script(t, "counter", counter)
	count := func(user, class string) int {
		found, _ := filepath.Glob(filepath.Join(s.homes, user, class, "*"))
		return len(found)
	}
	learntest.Run(t, learntest.Subject{
		Backend: s.backend(t, program.Options{Spam: []string{path, "spam"}, Ham: []string{path, "ham"}}),
		Counts:  func(user string) (spam, ham int) { return count(user, "spam"), count(user, "ham") },
		Stop:    func() { rename(t, path, path+".away") },
		Start:   func() { rename(t, path+".away", path) },
	})
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// A program gets the message, its arguments and its environment, and the user's rights.
func TestGiven(t *testing.T) {
	s := newSite(t)
	path := s.script(t, "given", `{ id -u; id -G; pwd; printf '<%s>' "$@"; echo; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | sort; cat; } >"$HOME/given"; echo said >&2`)
	b := s.backend(t, program.Options{Ham: []string{path, "--user=%u", "two words", "%%"}})
	item := learntest.Item(t, []byte("Subject: x\r\n\r\ntext\r\n"), learn.Ham, learn.Spam)
	res := b.Learn(t.Context(), "user1", []learn.Item{item})[0]
	if res.Outcome != learn.Relearned || res.Reason != "said" {
		t.Errorf("got %+v", res)
	}
	got, err := os.ReadFile(filepath.Join(s.homes, "user1", "given"))
	if err != nil {
		t.Fatal(err)
	}
	uid := strconv.Itoa(s.list[0].UID)
	want := uid + "\n" + uid + "\n/\n<--user=user1><two words><%>\n" +
		"DOVETAIL_LEARN_CLASS=ham\nDOVETAIL_LEARN_HASH=" + item.Hash.String() + "\nDOVETAIL_LEARN_PRIOR=spam\n" +
		"HOME=" + filepath.Join(s.homes, "user1") + "\nUSER=user1\nSubject: x\n\ntext\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Each exit status has its meaning, and what cannot be run is tried again.
func TestStatus(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		script string
		want   learn.Outcome
		wantIn string // in the reason or the error
	}{
		{"exit 0", learn.Learned, ""},
		{"echo no thanks >&2; exit 65", learn.Refused, "no thanks"},
		{"exit 65", learn.Refused, "65"},
		{"echo later >&2; exit 75", "", "later"},
		{"exit 1", "", "status 1"},
		{"exit 127", "", "status 127"},
		{"kill -9 $$", "", "signal: killed"},
		{"sleep 600 & wait", "", "timed out"},
	} {
		t.Run(tt.script, func(t *testing.T) {
			timeout := time.Minute
			if tt.wantIn == "timed out" {
				timeout = time.Second
			}
			b := s.backend(t, program.Options{Spam: []string{s.script(t, "status", tt.script)}, Timeout: timeout})
			res := b.Learn(t.Context(), "user1", learntest.Lessons(t, 1)[:1])[0]
			said := res.Reason
			if res.Err != nil {
				said = res.Err.Error()
			}
			if res.Outcome != tt.want || (res.Err == nil) != (tt.want != "") || !strings.Contains(said, tt.wantIn) {
				t.Errorf("got %+v, want %q with %q", res, tt.want, tt.wantIn)
			}
		})
	}
}

// After a program that cannot be found the other messages are not tried, after one
// that failed they are.
func TestInARow(t *testing.T) {
	s := newSite(t)
	path := s.script(t, "one", `grep -q "Message-ID: <spam.1.0@" && exit 75; exit 0`)
	b := s.backend(t, program.Options{Spam: []string{path}, Ham: []string{path}})
	results := b.Learn(t.Context(), "user1", learntest.Lessons(t, 1))
	if results[0].Err == nil || results[1].Outcome != learn.Learned {
		t.Errorf("got %+v", results)
	}
}

func TestRefusedUnrun(t *testing.T) {
	s := newSite(t)
	b := s.backend(t, program.Options{Spam: []string{"/missing"}, MaxSize: 100})
	results := b.Learn(t.Context(), "user1", learntest.Lessons(t, 1))
	if results[0].Outcome != learn.Refused || !strings.Contains(results[0].Reason, "more than 100") {
		t.Errorf("too big: %+v", results[0])
	}
	if results[1].Outcome != learn.Refused || !strings.Contains(results[1].Reason, "no program for ham") {
		t.Errorf("ham: %+v", results[1])
	}
	for _, user := range []string{"nobody", "root"} {
		s.list = append(s.list, peer.User{Name: "root"})
		if res := b.Learn(t.Context(), user, learntest.Lessons(t, 1))[0]; res.Err == nil {
			t.Errorf("%s: %+v", user, res)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for name, o := range map[string]program.Options{
		"none":     {},
		"relative": {Spam: []string{"bin/x"}},
		"variable": {Spam: []string{"/bin/x"}, Ham: []string{"/bin/x", "%y"}},
	} {
		if _, err := program.New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
