package builtin

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/internal/peer/mailbag"
	"dovetail/learn"
)

func open(t testing.TB, o Options) *Classifier {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "learn.db")
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func item(t testing.TB, raw []byte, class learn.Class) learn.Item {
	t.Helper()
	m := message.Parse(raw)
	h, err := learn.HashOf(m)
	if err != nil {
		t.Fatal(err)
	}
	return learn.Item{Hash: h, Message: m, Class: class}
}

// items gives so many messages of each class.
func items(t testing.TB, b *mailbag.Bag, from, to int) []learn.Item {
	var list []learn.Item
	for i := from; i < to; i++ {
		list = append(list, item(t, b.Spam(i), learn.Spam), item(t, b.Ham(i), learn.Ham))
	}
	return list
}

// teach teaches and wants one outcome for all.
func teach(t *testing.T, c *Classifier, user string, want learn.Outcome, list ...learn.Item) {
	t.Helper()
	for i, r := range c.Learn(t.Context(), user, list) {
		if r.Outcome != want || r.Err != nil {
			t.Fatalf("item %d: %+v, want %s", i, r, want)
		}
	}
}

// dump gives all that the counts say, and fails when they are not those of the
// lessons in the file.
func dump(t *testing.T, c *Classifier) map[string]counts {
	t.Helper()
	ctx := t.Context()
	if err := c.store.ready(ctx); err != nil {
		t.Fatal(err)
	}
	have, want := map[string]counts{}, map[string]counts{}
	read := func(query string, row func(scan func(...any) error) error) {
		rows, err := c.store.db.QueryContext(ctx, query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	count := func(scan func(...any) error) error {
		var id, key int64
		var n counts
		err := scan(&id, &key, &n.spam, &n.ham)
		if n != (counts{}) {
			have[fmt.Sprint(id, " ", key)] = n
		}
		return err
	}
	read(`SELECT id, -1, spam, ham FROM users`, count)
	read(`SELECT key >> 40, key, spam, ham FROM tokens`, count)
	read(`SELECT user, class, tokens FROM lessons`, func(scan func(...any) error) error {
		var user, class int64
		var tokens []byte
		if err := scan(&user, &class, &tokens); err != nil {
			return err
		}
		for _, u := range slices.Compact([]int64{siteID, user}) {
			keys := []int64{-1}
			for _, tok := range unpack(tokens) {
				keys = append(keys, keyOf(u, tok))
			}
			for _, key := range keys {
				name := fmt.Sprint(u, " ", key)
				want[name] = want[name].plus(counts{spam: class, ham: 1 - class})
			}
		}
		return nil
	})
	if !maps.Equal(have, want) {
		t.Errorf("the counts (%d) are not those of the lessons (%d)", len(have), len(want))
	}
	return have
}

func class(t *testing.T, c *Classifier, user string, raw []byte) Verdict {
	t.Helper()
	v, err := c.Classify(t.Context(), user, message.Parse(raw))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const (
	pills  = "From: shop@pills.example\nSubject: cheap pills\n\nBuy cheap pills today, dear winner %d\n"
	garden = "From: anna@example.org\nSubject: our garden\n\nShall we meet in the garden tomorrow, %d?\n"
)

func taught(t *testing.T, c *Classifier, user string, n int) {
	t.Helper()
	var list []learn.Item
	for i := range n {
		list = append(list, item(t, fmt.Appendf(nil, pills, i), learn.Spam), item(t, fmt.Appendf(nil, garden, i), learn.Ham))
	}
	teach(t, c, user, learn.Learned, list...)
}

func TestClassify(t *testing.T) {
	c := open(t, Options{MinLessons: 5})
	taught(t, c, "anna", 4)
	if v := class(t, c, "anna", fmt.Appendf(nil, pills, 99)); v.Class != learn.None || len(v.Clues()) > 0 {
		t.Errorf("scored after four lessons: %+v", v)
	}
	taught(t, c, "bert", 10) // the same lessons, of another user
	for _, user := range []string{"anna", "bert", "nobody", ""} {
		v := class(t, c, user, fmt.Appendf(nil, pills, 99))
		if v.Class != learn.Spam || v.Score < 0.95 || v.Score > 1 || len(v.Clues()) < 5 || v.Clues()[0].Spam < 0.9 {
			t.Errorf("%s: %+v", user, v)
		}
		v = class(t, c, user, fmt.Appendf(nil, garden, 99))
		if v.Class != learn.Ham || v.Score < 0 || v.Score > 0.2 || !slices.ContainsFunc(v.Clues(), func(c Clue) bool { return c.Token == "subject:garden" }) {
			t.Errorf("%s: %+v", user, v)
		}
		v = class(t, c, user, []byte("X-Other: 1\n\nnothing known here\n"))
		if v.Class != Unsure {
			t.Errorf("%s: %+v", user, v)
		}
	}
	dump(t, c)
}

// A user's own lessons win over the site's.
func TestOwnLessonsWeighMore(t *testing.T) {
	c := open(t, Options{MinLessons: 5, Spam: 0.95})
	taught(t, c, "anna", 200)
	var other []learn.Item
	for i := range 200 { // bert sells pills and hates gardens
		other = append(other, item(t, fmt.Appendf(nil, pills, i), learn.Ham), item(t, fmt.Appendf(nil, garden, i), learn.Spam))
	}
	teach(t, c, "bert", learn.Learned, other...)
	for user, want := range map[string]learn.Class{"anna": learn.Spam, "bert": learn.Ham, "carla": Unsure} {
		if v := class(t, c, user, fmt.Appendf(nil, pills, 999)); v.Class != want {
			t.Errorf("%s: %s (%g), want %s", user, v.Class, v.Score, want)
		}
	}
}

func TestOnce(t *testing.T) {
	c := open(t, Options{})
	list := items(t, mailbag.New(1), 0, 20)
	teach(t, c, "anna", learn.Learned, list[:20]...)
	before := dump(t, c)
	teach(t, c, "anna", learn.Already, list[:20]...)
	teach(t, c, "anna", learn.Already, append(list[:1:1], list[0])...)
	if !maps.Equal(before, dump(t, c)) {
		t.Error("a lesson that is known changed the counts")
	}
	// The other class takes back what the first one added: spam, ham, spam.
	relearn := item(t, mailbag.New(1).Spam(0), learn.Ham)
	teach(t, c, "anna", learn.Relearned, relearn)
	if maps.Equal(before, dump(t, c)) {
		t.Error("nothing was relearned")
	}
	teach(t, c, "anna", learn.Relearned, list[0])
	if !maps.Equal(before, dump(t, c)) {
		t.Error("the counts are not what they were")
	}
	// All three in one call.
	results := c.Learn(t.Context(), "anna", []learn.Item{list[20], relearn, list[0], list[21]})
	for i, want := range []learn.Outcome{learn.Learned, learn.Relearned, learn.Relearned, learn.Learned} {
		if results[i].Outcome != want || results[i].Err != nil {
			t.Errorf("%d: %+v, want %s", i, results[i], want)
		}
	}
	// The site's own lessons, and another user's, are others.
	teach(t, c, "", learn.Learned, list[:2]...)
	teach(t, c, "bert", learn.Learned, list[:2]...)
	dump(t, c)
	stats, err := c.Stats(t.Context())
	if err != nil || len(stats) != 3 {
		t.Fatal(stats, err)
	}
	for i, want := range []Stats{{User: "", Spam: 13, Ham: 13}, {User: "anna", Spam: 11, Ham: 11}, {User: "bert", Spam: 1, Ham: 1}} {
		if got := stats[i]; got.Tokens < 20 || got.User != want.User || got.Spam != want.Spam || got.Ham != want.Ham {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// A copy of a message that looks different, as copies do after delivery, is the
// same lesson, and what it added is taken back to the last token.
func TestRelearnOfAChangedCopy(t *testing.T) {
	c := open(t, Options{})
	raw := mailbag.New(1).Ham(1)
	teach(t, c, "anna", learn.Learned, item(t, raw, learn.Ham))
	teach(t, c, "anna", learn.Relearned, item(t, append([]byte("Received: from elsewhere.example.net\n"), raw...), learn.Spam))
	dump(t, c)
}

func TestSweep(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c := open(t, Options{Now: func() time.Time { return now }, Lifetime: time.Hour})
	b := mailbag.New(1)
	var spam []learn.Item
	for i := range keepLessons + 250 {
		spam = append(spam, item(t, b.Spam(i), learn.Spam))
	}
	ham := item(t, b.Ham(0), learn.Ham)
	teach(t, c, "anna", learn.Learned, append(spam[:300:300], ham)...)
	now = now.Add(2 * time.Hour)
	if n, err := c.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("%d of few lessons were forgotten, %v", n, err)
	}
	teach(t, c, "anna", learn.Learned, spam[300:]...)
	teach(t, c, "bert", learn.Learned, spam[0])
	if n, err := c.Sweep(t.Context()); n != 250 || err != nil {
		t.Errorf("%d were forgotten, want 250 (%v)", n, err)
	}
	if n, err := c.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("%d more were forgotten (%v)", n, err)
	}
	dump(t, c)
	teach(t, c, "anna", learn.Learned, spam[0])
	teach(t, c, "anna", learn.Already, spam[299], spam[300], ham)
	teach(t, c, "bert", learn.Already, spam[0])
}

// The file and those beside it are for their owner alone.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new folder", "learn %3F#?.db")
	defer syscall.Umask(syscall.Umask(0))
	c := open(t, Options{Path: path})
	taught(t, c, "anna", 1)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if st, err := os.Stat(f); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", f, st.Mode(), err)
		}
	}
	other := open(t, Options{Path: path})
	teach(t, other, "anna", learn.Already, item(t, fmt.Appendf(nil, pills, 0), learn.Spam))
}

// What cannot be opened is an error of each use, until it can.
func TestBroken(t *testing.T) {
	for _, o := range []Options{{}, {Path: "x", Spam: 0.1}, {Path: "x", Spam: 2}, {Path: "x", Ham: -1}} {
		if _, err := Open(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "learn.db")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	c := open(t, Options{Path: path})
	one := item(t, fmt.Appendf(nil, pills, 0), learn.Spam)
	if r := c.Learn(t.Context(), "anna", []learn.Item{one}); r[0].Err == nil || r[0].Outcome != "" {
		t.Errorf("learned into a directory: %+v", r)
	}
	if _, err := c.Classify(t.Context(), "anna", one.Message); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	teach(t, c, "anna", learn.Learned, one)
	if _, err := c.store.db.ExecContext(t.Context(), `PRAGMA user_version = 7`); err != nil {
		t.Fatal(err)
	}
	later := open(t, Options{Path: path})
	if _, err := later.Stats(t.Context()); err == nil || !strings.Contains(err.Error(), "its format is 7") {
		t.Errorf("error %v", err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is no database, whatever its name says"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, Options{Path: text}).Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v", err)
	}
}

// A message that cannot be read is an error of its own and no lesson.
func TestUnreadable(t *testing.T) {
	c := open(t, Options{MinLessons: 1})
	taught(t, c, "anna", 2)
	for i, kind := range []string{"text/plain", "text/html", "multipart/mixed; boundary=x"} {
		s := message.NewSpool(t.TempDir(), 16)
		for _, text := range []string{"Content-Type: " + kind + "\n\n", strings.Repeat("some text\n", 1000)} {
			if _, err := s.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		m, err := s.Message()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		good := item(t, fmt.Appendf(nil, pills, 100+i), learn.Spam)
		r := c.Learn(t.Context(), "anna", []learn.Item{{Hash: learn.Hash{1}, Message: m, Class: learn.Ham}, good})
		if r[0].Err == nil || r[0].Outcome != "" || r[1].Outcome != learn.Learned || r[1].Err != nil {
			t.Errorf("%s: %+v", kind, r)
		}
		if _, err := c.Classify(t.Context(), "anna", m); err == nil {
			t.Errorf("%s: judged", kind)
		}
	}
	dump(t, c)
}

// stranger names the file for the process of TestNotAllowed.
const stranger = "DOVETAIL_TEST_STRANGER"

// A process that may not read the file is told so.
func TestNotAllowed(t *testing.T) {
	if path := os.Getenv(stranger); path != "" {
		_, err := open(t, Options{Path: path}).Stats(t.Context())
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "open "+path+": permission denied") {
			t.Errorf("error %v", err)
		}
		return
	}
	peer.Need(t, peer.Root)
	c := open(t, Options{Path: filepath.Join(peer.Dir(t), "learn.db")})
	taught(t, c, "anna", 1)
	program := filepath.Join(filepath.Dir(c.store.path), "test")
	text, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestNotAllowed$")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), stranger+"="+c.store.path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestPack(t *testing.T) {
	list := []token{0, 1, 1 << 63, 1<<64 - 1}
	if got := unpack(pack(list)); !reflect.DeepEqual(got, list) {
		t.Errorf("%v", got)
	}
}
