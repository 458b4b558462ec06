package bogofilter_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
	"dovetail/learn"
	"dovetail/learn/bogofilter"
	"dovetail/learn/learntest"
)

// users are user1 and so on, each with a uid and a home.
type users struct {
	homes string
	list  []peer.User
}

func newUsers(t *testing.T) *users {
	t.Helper()
	peer.Need(t, peer.Root, peer.Bogofilter)
	list := peer.OwnUIDs(learntest.Users)
	return &users{peer.Homes(t, filepath.Join(peer.Dir(t), "homes"), list), list}
}

func (u *users) lookup(_ context.Context, name string) (*userdb.User, error) {
	for _, p := range u.list {
		if p.Name == name {
			return &userdb.User{Name: name, UID: uint32(p.UID), GID: uint32(p.GID), Home: filepath.Join(u.homes, name)}, nil
		}
	}
	return nil, userdb.Unknown(name)
}

func (u *users) database(t *testing.T, name string) *peer.BogofilterDB {
	return peer.NewBogofilter(t, filepath.Join(u.homes, name, ".bogofilter"))
}

func backend(t *testing.T, o bogofilter.Options) *bogofilter.Backend {
	t.Helper()
	b, err := bogofilter.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantErrors(t *testing.T, results []learn.Result, text string) {
	t.Helper()
	for i, res := range results {
		if res.Err == nil || !strings.Contains(res.Err.Error(), text) {
			t.Errorf("item %d: %+v, want an error with %q", i, res, text)
		}
	}
}

func wantLearned(t *testing.T, results []learn.Result) {
	t.Helper()
	for i, res := range results {
		if res.Outcome != learn.Learned {
			t.Errorf("item %d: %+v", i, res)
		}
	}
}

func TestBogofilter(t *testing.T) {
	u := newUsers(t)
	learntest.Run(t, learntest.Subject{
		Backend: backend(t, bogofilter.Options{Lookup: u.lookup}),
		Counts:  func(user string) (spam, ham int) { return u.database(t, user).Counts() },
		Verdict: func(user string, message []byte) string { return u.database(t, user).Verdict(message) },
		Doubles: true,
	})
	// The databases are their owners', and nothing is left behind.
	for _, user := range u.list[:2] {
		st, err := os.Stat(filepath.Join(u.homes, user.Name, ".bogofilter", "wordlist.db"))
		if err != nil || int(st.Sys().(*syscall.Stat_t).Uid) != user.UID {
			t.Errorf("the database of %s: %+v, %v", user.Name, st, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(u.homes, "*", ".bogofilter", "dovetail-batch")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What a crash has left of a batch is not learned, and goes.
func TestLeftBatch(t *testing.T) {
	u := newUsers(t)
	b := backend(t, bogofilter.Options{Lookup: u.lookup})
	items := learntest.Lessons(t, 2)
	wantLearned(t, b.Learn(t.Context(), "user1", items[:1]))
	folder := filepath.Join(u.homes, "user1", ".bogofilter", "dovetail-batch")
	peer.WriteFile(t, filepath.Join(folder, "0"), "From: x@example.net\n\nleft\n", u.list[0])
	peer.WriteFile(t, filepath.Join(folder, "7"), "From: x@example.net\n\nleft\n", u.list[0])
	peer.Chown(t, folder, u.list[0])
	wantLearned(t, b.Learn(t.Context(), "user1", items[1:]))
	if spam, ham := u.database(t, "user1").Counts(); spam+ham != len(items) {
		t.Errorf("%d spam and %d ham, wanted %d together", spam, ham, len(items))
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("%s: %v", folder, err)
	}
}

// Two thousand lessons at once are taught, each once, also next to another program
// that teaches the same database.
func TestMany(t *testing.T) {
	u := newUsers(t)
	b := backend(t, bogofilter.Options{Lookup: u.lookup})
	items := learntest.Lessons(t, 1001)
	db := u.database(t, "user1")
	wantLearned(t, b.Learn(t.Context(), "user1", items[:2]))
	db.Learn("spam", corpus.New(9).Spam(0))
	spam, ham := items[:0:0], items[:0:0]
	for _, item := range items[2:] {
		if item.Class == learn.Spam {
			spam = append(spam, item)
		} else {
			ham = append(ham, item)
		}
	}
	wantLearned(t, b.Learn(t.Context(), "user1", append(spam, ham...)))
	if spam, ham := db.Counts(); spam != 1002 || ham != 1001 {
		t.Errorf("learned %d spam and %d ham", spam, ham)
	}
	for i, res := range b.Learn(t.Context(), "user1", items) {
		if res.Outcome != learn.Already {
			t.Errorf("item %d again: %+v", i, res)
		}
	}
}

// The same message twice in a batch is one lesson, and the last one counts.
func TestTwiceInABatch(t *testing.T) {
	u := newUsers(t)
	b := backend(t, bogofilter.Options{Lookup: u.lookup})
	spam := learntest.Lessons(t, 1)[0]
	ham := spam
	ham.Class = learn.Ham
	var got []learn.Outcome
	for _, res := range b.Learn(t.Context(), "user1", []learn.Item{spam, spam, ham}) {
		got = append(got, res.Outcome)
	}
	if want := []learn.Outcome{learn.Learned, learn.Already, learn.Relearned}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if spam, ham := u.database(t, "user1").Counts(); spam != 0 || ham != 1 {
		t.Errorf("learned %d spam and %d ham", spam, ham)
	}
}

// A bogofilter that is killed has taught a batch or not, and the next try knows.
func TestKilled(t *testing.T) {
	u := newUsers(t)
	programs := peer.Dir(t)
	if err := os.Symlink("/usr/bin/bogoutil", filepath.Join(programs, "bogoutil")); err != nil {
		t.Fatal(err)
	}
	items := learntest.Lessons(t, 3)
	asleep := filepath.Join(programs, "asleep")
	if err := errors.Join(syscall.Mkfifo(asleep, 0o666), os.Chmod(asleep, 0o666)); err != nil {
		t.Fatal(err)
	}
	for i, script := range []string{
		"kill -9 $$",
		"/usr/bin/bogofilter \"$@\"; kill -9 $$",
		"/usr/bin/bogofilter \"$@\"; echo >" + asleep + "; exec sleep 600",
		"sleep 600 & wait",
		"exit 3",
		"exit 0",
	} {
		t.Run(script, func(t *testing.T) {
			user := "user" + strconv.Itoa(i+1)
			name := filepath.Join(programs, "bogofilter"+strconv.Itoa(i))
			if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			o := bogofilter.Options{Lookup: u.lookup, Program: name}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			switch {
			case strings.HasPrefix(script, "sleep"):
				o.Timeout = time.Second // it runs nothing else: there is no database to be asked
			case strings.Contains(script, "sleep"):
				go func() {
					_, _ = os.ReadFile(asleep) // waits until bogofilter has ended
					cancel()
				}()
			}
			b := backend(t, o)
			done := 0
			for _, res := range b.Learn(ctx, user, items) {
				if res.Err == nil {
					done++
				}
			}
			if spam, ham := u.database(t, user).Counts(); spam+ham != done {
				t.Errorf("%d have an outcome, but %d were learned", done, spam+ham)
			}
			for _, res := range backend(t, bogofilter.Options{Lookup: u.lookup}).Learn(t.Context(), user, items) {
				if res.Err != nil {
					t.Error(res.Err)
				}
			}
			if spam, ham := u.database(t, user).Counts(); spam != 3 || ham != 3 {
				t.Errorf("at the end %d spam and %d ham are learned", spam, ham)
			}
		})
	}
}

// What is wrong with a user, a folder or a program is an error that says so.
func TestErrors(t *testing.T) {
	u := newUsers(t)
	items := learntest.Lessons(t, 1)
	root := func(context.Context, string) (*userdb.User, error) {
		return &userdb.User{Name: "root", Home: "/root"}, nil
	}
	homeless := func(context.Context, string) (*userdb.User, error) {
		return &userdb.User{Name: "x", UID: peer.MailUID, GID: peer.MailUID}, nil
	}
	broken := filepath.Join(peer.Dir(t), "file")
	if err := os.WriteFile(broken, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(peer.Dir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		o       bogofilter.Options
		user    string
		wantErr string
	}{
		{"unknown user", bogofilter.Options{Lookup: u.lookup}, "nobody", "nobody"},
		{"root", bogofilter.Options{Lookup: root}, "root", "uid 0"},
		{"no home", bogofilter.Options{Lookup: homeless}, "x", "no home"},
		{"the site has none", bogofilter.Options{Lookup: u.lookup}, "", "the site has no home"},
		{"relative", bogofilter.Options{Lookup: u.lookup, Directory: expand.MustParse("bogofilter/%u")}, "user1", "neither an absolute path"},
		{"no folder", bogofilter.Options{Lookup: u.lookup, Directory: expand.MustParse(broken + "/%u")}, "user1", "not a directory"},
		{"no permission", bogofilter.Options{Lookup: u.lookup, Directory: expand.MustParse(closed + "/%u")}, "user1", "permission denied"},
		{"no program", bogofilter.Options{Lookup: u.lookup, Program: broken + "x"}, "user1", "not found"},
		{"not a program", bogofilter.Options{Lookup: u.lookup, Program: broken}, "user1", "not executable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantErrors(t, backend(t, tt.o).Learn(t.Context(), tt.user, items), tt.wantErr)
		})
	}
	if err := os.MkdirAll(filepath.Join(u.homes, "user2", ".bogofilter"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(u.homes, "user2", ".bogofilter", "wordlist.db"), []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	peer.Chown(t, filepath.Join(u.homes, "user2"), u.list[1])
	wantErrors(t, backend(t, bogofilter.Options{Lookup: u.lookup}).Learn(t.Context(), "user2", items), "user2/.bogofilter")
	if _, err := bogofilter.New(bogofilter.Options{Program: "bogofilter"}); err == nil {
		t.Error("a program without its folder is taken")
	}
}

// The database of the site as a whole, and one of each domain.
func TestDirectory(t *testing.T) {
	u := newUsers(t)
	dir := peer.Dir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	b := backend(t, bogofilter.Options{Lookup: u.lookup, Directory: expand.MustParse(dir + "/%u/words")})
	wantLearned(t, b.Learn(t.Context(), "user1", learntest.Lessons(t, 1)))
	if spam, _ := peer.NewBogofilter(t, filepath.Join(dir, "user1", "words")).Counts(); spam != 1 {
		t.Errorf("learned %d spam", spam)
	}
	b = backend(t, bogofilter.Options{Lookup: u.lookup, Directory: expand.MustParse(dir + "/site")})
	wantLearned(t, b.Learn(t.Context(), "", learntest.Lessons(t, 1)))
	if spam, _ := peer.NewBogofilter(t, filepath.Join(dir, "site")).Counts(); spam != 1 {
		t.Errorf("the site learned %d spam", spam)
	}
}

func TestTooBig(t *testing.T) {
	u := newUsers(t)
	b := backend(t, bogofilter.Options{Lookup: u.lookup, MaxSize: 100})
	if res := b.Learn(t.Context(), "user1", learntest.Lessons(t, 1))[0]; res.Outcome != learn.Refused || !strings.Contains(res.Reason, "more than 100") {
		t.Errorf("got %+v", res)
	}
}

// The look-up's error is in the result, so that its class is not lost.
func TestLookupError(t *testing.T) {
	fault := errors.New("the user database is down")
	b := backend(t, bogofilter.Options{Lookup: func(context.Context, string) (*userdb.User, error) {
		return nil, fmt.Errorf("asking: %w", fault)
	}})
	if res := b.Learn(t.Context(), "user1", learntest.Lessons(t, 1))[0]; !errors.Is(res.Err, fault) {
		t.Errorf("got %+v", res)
	}
}

// The words of lessons cannot be guessed: a message with those of others in it does not
// keep them from being learned.
func TestForgedWord(t *testing.T) {
	u := newUsers(t)
	b := backend(t, bogofilter.Options{Lookup: u.lookup})
	next := learntest.Item(t, corpus.New(4).Spam(1), learn.Spam, learn.None)
	word := strings.Map(func(r rune) rune {
		if r <= '9' {
			return 'g' + r - '0'
		}
		return r
	}, next.Hash.String()[:22])
	first := learntest.Item(t, append([]byte("X-Dovetail-Lesson: "+word+"\nX-Other: "+word+"\n"), corpus.New(4).Spam(0)...), learn.Spam, learn.None)
	wantLearned(t, b.Learn(t.Context(), "user1", []learn.Item{first}))
	wantLearned(t, b.Learn(t.Context(), "user1", []learn.Item{next}))
}

// A bogofilter that goes on when we are gone is waited for: what it is told now it
// would take for lessons of its own.
func TestLeftAtWork(t *testing.T) {
	u := newUsers(t)
	programs := peer.Dir(t)
	started, end := filepath.Join(programs, "started"), filepath.Join(programs, "end")
	// The session of its own is what lets it live on here.
	script := "#!/bin/sh\nsetsid sh -c 'echo >" + started + "; read end <" + end + "' </dev/null >/dev/null 2>&1 &\nwait\n"
	err := errors.Join(os.Symlink("/usr/bin/bogoutil", filepath.Join(programs, "bogoutil")),
		os.WriteFile(filepath.Join(programs, "bogofilter"), []byte(script), 0o755))
	for _, pipe := range []string{started, end} {
		err = errors.Join(err, syscall.Mkfifo(pipe, 0o666), os.Chmod(pipe, 0o666))
	}
	if err != nil {
		t.Fatal(err)
	}
	items := learntest.Lessons(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(started)
		cancel()
	}()
	wantErrors(t, backend(t, bogofilter.Options{Lookup: u.lookup, Program: filepath.Join(programs, "bogofilter")}).Learn(ctx, "user1", items[:1]), "canceled")

	b := backend(t, bogofilter.Options{Lookup: u.lookup})
	short, cancelShort := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancelShort()
	wantErrors(t, b.Learn(short, "user1", items), "locking bogofilter's database")
	wantLearned(t, b.Learn(t.Context(), "user2", items)) // no other is kept waiting
	if err := os.WriteFile(end, []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	wantLearned(t, b.Learn(t.Context(), "user1", items))
}

// What it was told before a crash and has not learned is not taken off its counts.
func TestUnsure(t *testing.T) {
	u := newUsers(t)
	b := backend(t, bogofilter.Options{Lookup: u.lookup})
	items := learntest.Lessons(t, 2)
	for i := range items {
		items[i].Class = learn.Spam
	}
	wantLearned(t, b.Learn(t.Context(), "user1", items[1:]))
	items[0].Class, items[0].Prior, items[0].Unsure = learn.Ham, learn.Spam, true
	wantLearned(t, b.Learn(t.Context(), "user1", items[:1]))
	if spam, ham := u.database(t, "user1").Counts(); spam != len(items)-1 || ham != 1 {
		t.Errorf("%d spam and %d ham, want %d and 1", spam, ham, len(items)-1)
	}
}

// A key that is damaged is told, and another one is made when it is away.
func TestKey(t *testing.T) {
	u := newUsers(t)
	b := backend(t, bogofilter.Options{Lookup: u.lookup})
	items := learntest.Lessons(t, 2)
	wantLearned(t, b.Learn(t.Context(), "user1", items[:2]))
	key := filepath.Join(u.homes, "user1", ".bogofilter", "dovetail-key")
	if err := os.Truncate(key, 3); err != nil {
		t.Fatal(err)
	}
	wantErrors(t, b.Learn(t.Context(), "user1", items[2:]), "dovetail-key: unexpected EOF")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	// Nobody waits for a FIFO in its place, which somebody holds open.
	if err := syscall.Mkfifo(key, 0o666); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(key, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	wantErrors(t, b.Learn(t.Context(), "user1", items[2:]), "dovetail-key: not a regular file")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	wantLearned(t, b.Learn(t.Context(), "user1", items[2:]))
	if left, _ := filepath.Glob(key + "*"); len(left) != 1 {
		t.Errorf("files %q", left)
	}
}
