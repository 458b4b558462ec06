package ledger

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/state/database"
	"dovetail/internal/state/postgres"
	"dovetail/internal/state/sqlite"
	"dovetail/learn"
)

var at = time.Date(2026, 11, 21, 10, 0, 0, 5e6, time.UTC).Local()

func hash(text string) learn.Hash { return sha256.Sum256([]byte(text)) }

// open opens the database of a test: two users of it see the same.
type open func(t *testing.T) learn.Ledger

func TestMem(t *testing.T) {
	suite(t, func(t *testing.T) open {
		m := NewMem()
		return func(*testing.T) learn.Ledger { return m }
	})
}

func TestSQLite(t *testing.T) {
	suite(t, func(t *testing.T) open {
		path := filepath.Join(t.TempDir(), "state.db")
		return func(t *testing.T) learn.Ledger { return inDatabase(t, sqlite.Database, path) }
	})
}

func TestPostgres(t *testing.T) {
	p := peer.StartPostgres(t)
	suite(t, func(t *testing.T) open {
		return func(t *testing.T) learn.Ledger { return inDatabase(t, postgres.Database, p.URL) }
	})
	t.Run("down", func(t *testing.T) {
		l := inDatabase(t, postgres.Database, p.URL)
		write(t, l, "rspamd", "down", learn.Entry{Hash: hash("a"), Class: learn.Spam, At: at})
		p.Kill()
		fails(t, l)
		p.Start()
		taught(t, l, "rspamd", "down", learn.Entry{Hash: hash("a"), Class: learn.Spam, At: at})
	})
}

func inDatabase(t *testing.T, opener func(string) (*database.DB, error), where string) learn.Ledger {
	t.Helper()
	db, err := opener(where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return New(db)
}

// fails wants an error of every call.
func fails(t *testing.T, l learn.Ledger) {
	t.Helper()
	_, err1 := l.Taught(t.Context(), "rspamd", "down", []learn.Hash{hash("a")})
	err2 := l.Write(t.Context(), "rspamd", "down", []learn.Entry{{Hash: hash("b"), At: at}})
	_, err3 := l.Count(t.Context())
	_, err4 := l.Forget(t.Context(), at)
	for i, err := range []error{err1, err2, err3, err4} {
		if err == nil {
			t.Errorf("call %d: no error without a database", i+1)
		}
	}
}

// suite checks the promises of learn.Ledger. Each test has users of its own, so
// that one database does for all.
func suite(t *testing.T, data func(t *testing.T) open) {
	for name, run := range map[string]func(t *testing.T, open open){
		"write": testWrite, "many": testMany, "together": testTogether, "count and forget": testCount,
	} {
		t.Run(name, func(t *testing.T) { run(t, data(t)) })
	}
}

func write(t *testing.T, l learn.Ledger, backend, user string, entries ...learn.Entry) {
	t.Helper()
	if err := l.Write(t.Context(), backend, user, entries); err != nil {
		t.Fatal(err)
	}
}

// taught wants exactly these entries among those of the hashes a to e.
func taught(t *testing.T, l learn.Ledger, backend, user string, want ...learn.Entry) {
	t.Helper()
	got, err := l.Taught(t.Context(), backend, user, []learn.Hash{hash("a"), hash("b"), hash("c"), hash("d"), hash("e")})
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[learn.Hash]learn.Entry{}
	for _, e := range want {
		wanted[e.Hash] = e
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("%s, %s: got %v, want %v", backend, user, got, wanted)
	}
}

func testWrite(t *testing.T, open open) {
	l, other := open(t), open(t)
	taught(t, l, "rspamd", "write")
	a := learn.Entry{Hash: hash("a"), Class: learn.Spam, Intent: learn.Ham, At: at}
	b := learn.Entry{Hash: hash("b"), At: at.Add(time.Hour)}
	write(t, l, "rspamd", "write", a, b)
	write(t, l, "rspamd", "write")
	taught(t, other, "rspamd", "write", a, b)
	taught(t, other, "rspamd", "writer")
	taught(t, other, "spamd", "write")
	taught(t, other, "rspamd", "")
	a = learn.Entry{Hash: hash("a"), Class: learn.Ham, At: at.Add(-time.Hour)}
	write(t, other, "rspamd", "write", a)
	write(t, other, "rspamd", "", b)
	taught(t, l, "rspamd", "write", a, b)
	taught(t, l, "rspamd", "", b)
	if got, err := l.Taught(t.Context(), "rspamd", "write", nil); len(got) != 0 || err != nil {
		t.Errorf("of no hashes: %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, isMem := l.(*Mem); !isMem {
		if err := l.Write(ctx, "rspamd", "write", []learn.Entry{{Hash: hash("a"), At: at}}); err == nil {
			t.Error("written after its time was over")
		}
		taught(t, l, "rspamd", "write", a, b)
	}
}

// More hashes than a statement takes, and all or none of them.
func testMany(t *testing.T, open open) {
	l := open(t)
	var hashes []learn.Hash
	var entries []learn.Entry
	for i := range 1201 {
		hashes = append(hashes, hash(fmt.Sprint(i)))
		if i%2 == 0 {
			entries = append(entries, learn.Entry{Hash: hashes[i], Intent: learn.Spam, At: at})
		}
	}
	write(t, l, "rspamd", "many", entries...)
	got, err := l.Taught(t.Context(), "rspamd", "many", hashes)
	if err != nil || len(got) != len(entries) {
		t.Fatalf("%d entries, %v, want %d", len(got), err, len(entries))
	}
	for _, e := range entries {
		if got[e.Hash] != e {
			t.Errorf("got %v, want %v", got[e.Hash], e)
		}
	}
}

// testTogether has several write the same entries at once, in different orders:
// nobody fails, and each entry is of one writer.
func testTogether(t *testing.T, open open) {
	var wg sync.WaitGroup
	for n := range 4 {
		l := open(t)
		wg.Go(func() {
			for round := range 10 {
				var entries []learn.Entry
				for i := range 20 {
					entries = append(entries, learn.Entry{Hash: hash(fmt.Sprint(i)), Class: learn.Spam, At: at.Add(time.Duration(n) * time.Second)})
				}
				if (n+round)%2 == 0 {
					slices.Reverse(entries)
				}
				if err := l.Write(t.Context(), "rspamd", "together", entries); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var hashes []learn.Hash
	for i := range 20 {
		hashes = append(hashes, hash(fmt.Sprint(i)))
	}
	got, err := open(t).Taught(t.Context(), "rspamd", "together", hashes)
	if err != nil {
		t.Fatal(err)
	}
	first := got[hash("0")].At
	for h, e := range got {
		if e.At != first {
			t.Errorf("%s is of %s, and the first one of %s: not all or none", h, e.At, first)
		}
	}
}

func testCount(t *testing.T, open open) {
	l := open(t)
	if _, err := l.Forget(t.Context(), at.Add(1000*time.Hour)); err != nil { // what other tests have left
		t.Fatal(err)
	}
	old := at.Add(-time.Hour)
	write(t, l, "spamd", "u", learn.Entry{Hash: hash("a"), Class: learn.Spam, At: old}, learn.Entry{Hash: hash("b"), Class: learn.Ham, At: at},
		learn.Entry{Hash: hash("c"), Intent: learn.Ham, At: at})
	write(t, l, "spamd", "v", learn.Entry{Hash: hash("a"), Class: learn.Spam, At: at})
	write(t, l, "exec", "v", learn.Entry{Hash: hash("a"), Class: learn.Spam, Intent: learn.Ham, At: old})
	want := []learn.Count{{Backend: "exec", Class: learn.Spam, N: 1}, {Backend: "spamd", Class: learn.Ham, N: 1}, {Backend: "spamd", Class: learn.Spam, N: 2}}
	if got, err := l.Count(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, want := range []int{2, 0} {
		if n, err := l.Forget(t.Context(), at); err != nil || n != want {
			t.Errorf("forgot %d, %v, want %d", n, err, want)
		}
	}
	var many []learn.Entry
	for i := range 2*forgetBatch + 1 {
		many = append(many, learn.Entry{Hash: hash(fmt.Sprint("many", i)), Class: learn.Spam, At: old})
	}
	write(t, l, "exec", "v", many...)
	if n, err := l.Forget(t.Context(), at); err != nil || n != len(many) {
		t.Errorf("forgot %d of %d, %v", n, len(many), err)
	}
	want = []learn.Count{{Backend: "spamd", Class: learn.Ham, N: 1}, {Backend: "spamd", Class: learn.Spam, N: 1}}
	if got, err := l.Count(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("after Forget: got %v, %v, want %v", got, err, want)
	}
}

// writer names the file for the process that TestKill kills.
const writer = "DOVETAIL_TEST_LEDGER"

// TestMain is that process: it writes entries, two at once, and tells of each pair.
func TestMain(m *testing.M) {
	path := os.Getenv(writer)
	if path == "" {
		os.Exit(m.Run())
	}
	db, err := sqlite.Database(path)
	if err == nil {
		l := New(db)
		for i := 0; err == nil; i++ {
			pair := []learn.Entry{{Hash: hash(fmt.Sprint("x", i)), Intent: learn.Spam, At: at}, {Hash: hash(fmt.Sprint("y", i)), Class: learn.Ham, At: at}}
			if err = l.Write(context.Background(), "rspamd", os.Args[1], pair); err == nil {
				fmt.Println(i)
			}
		}
	}
	fmt.Println("error:", err)
	os.Exit(1)
}

// Whatever a process that was killed had written is there, and never half of it.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	for _, user := range []string{"one", "two", "three"} {
		p := exec.Command(os.Args[0], user)
		p.Env = append(os.Environ(), writer+"="+path)
		out, err := p.StdoutPipe()
		if err := errors.Join(err, p.Start()); err != nil {
			t.Fatal(err)
		}
		lines, n := bufio.NewScanner(out), 0
		for range 20 {
			if !lines.Scan() || lines.Text() != fmt.Sprint(n) {
				t.Fatalf("it says %q", lines.Text())
			}
			n++
		}
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			n++
		}
		_ = p.Wait()
		l := inDatabase(t, sqlite.Database, path)
		for i := range n + 2 {
			got, err := l.Taught(t.Context(), "rspamd", user, []learn.Hash{hash(fmt.Sprint("x", i)), hash(fmt.Sprint("y", i))})
			if err != nil || i < n && len(got) != 2 || len(got) == 1 {
				t.Errorf("%s, pair %d of %d: %d entries, %v", user, i, n, len(got), err)
			}
		}
	}
}

// A database of before there was a ledger gets the table.
func TestUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := sqlite.Open(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if won, err := s.Claim(t.Context(), [32]byte{1}, time.Hour); !won || err != nil {
		t.Fatal(won, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l := inDatabase(t, sqlite.Database, path)
	a := learn.Entry{Hash: hash("a"), Class: learn.Spam, At: at}
	write(t, l, "rspamd", "u", a)
	taught(t, l, "rspamd", "u", a)
}

// What cannot be opened is an error of each use.
func TestBroken(t *testing.T) {
	fails(t, inDatabase(t, sqlite.Database, t.TempDir()))
}
