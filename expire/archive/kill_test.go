package archive_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dovetail/expire"
	"dovetail/expire/archive"
	"dovetail/expire/query"
	"dovetail/internal/userdb/expand"
	"dovetail/maildir"
)

// archiver gives the place to the process that TestKill kills, and the home.
const archiver = "DOVETAIL_TEST_ARCHIVER"

// TestMain is that process, too.
func TestMain(m *testing.M) {
	place, home, ok := strings.Cut(os.Getenv(archiver), " ")
	if !ok {
		os.Exit(m.Run())
	}
	if err := run(place, home); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// batch is how many messages the process removes at once: so that it dies everywhere.
const batch = 20

// run archives INBOX and removes what the archive has, as a rule does.
func run(place, home string) error {
	ctx := context.Background()
	store, err := maildir.Open(maildir.Options{Location: maildir.Location{Root: "~/Maildir"}, Home: home, Separator: "/"})
	if err != nil {
		return err
	}
	p, err := archive.Parse(place)
	if err != nil {
		return err
	}
	a, err := archive.Open(archive.Options{
		Place: p, Vars: expand.Vars{Home: home}, Separator: "/", Warn: func(err error) { fmt.Println("warning:", err) },
	})
	if err != nil {
		return err
	}
	q, err := query.Parse([]string{"all"}, query.Options{})
	if err != nil {
		return err
	}
	var all []maildir.Removal
	flush := func() error {
		if err := a.Flush(ctx); err != nil {
			return err
		}
		err := store.Remove(ctx, "INBOX", all, func(int) {})
		all = nil
		return err
	}
	fmt.Println("ready")
	u := &expire.User{Store: store, Query: q, Failed: func(_ string, err error) { fmt.Println(err) }}
	err = u.Search(ctx, "INBOX", func(m expire.Match) error {
		if err := a.Add(ctx, &m, opener(m)); err != nil {
			return err
		}
		size, _ := m.Size()
		all = append(all, maildir.Removal{Path: m.Path(), Size: size})
		if len(all) < batch {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return errors.Join(err, a.Close())
}

// killRounds is how often the process is killed.
const killRounds = 100

// A process that is killed again and again, wherever it is: no message is lost, none is
// in the archive twice or half, and a last run completes.
func TestKill(t *testing.T) {
	for name, place := range map[string]string{"mbox": "mbox:~/old/%{year}", "maildir": "maildir:~/old"} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.put("INBOX", text("0"), received)
			made := 0
			left := func() int { return len(glob(t, h.dir+"/Maildir/cur/*")) }
			seed := time.Now().UnixNano()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(uint64(seed), 0))
			died, mended := 0, 0
			for n := range killRounds / 2 {
				for left() < 10*batch {
					made++
					body := strings.Repeat("From line to line\n", random.IntN(300))
					file := fmt.Sprintf("%s/Maildir/cur/%d.M%dP1.test:2,S", h.dir, 1700000000+made, made)
					if err := os.WriteFile(file, []byte(fmt.Sprintf("Subject: number %d.\n\n%s", made, body)), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				out, err := runAndKill(place, h.dir, time.Duration(random.IntN(40_000))*time.Microsecond)
				if err != nil {
					died++
				}
				if strings.Contains(out, "cut off") {
					mended++
				}
				if n%5 == 4 {
					h.accounted(made, false)
				}
			}
			if err := run(place, h.dir); err != nil {
				t.Fatal(err)
			}
			if n := left(); n != 0 {
				t.Errorf("%d messages are left", n)
			}
			h.accounted(made, true)
			t.Logf("%d messages, %d times killed in the midst, %d times half a message was cut off", made, died, mended)
			if died == 0 {
				t.Error("none was killed before it was done")
			}
		})
	}
}

// runAndKill starts the process, and kills it some time after it is ready. The error is
// that of a process that was killed.
func runAndKill(place, home string, after time.Duration) (out string, err error) {
	p := exec.Command(os.Args[0])
	p.Env = append(os.Environ(), archiver+"="+place+" "+home)
	pipe, err := p.StdoutPipe()
	if err := errors.Join(err, p.Start()); err != nil {
		return "", err
	}
	in := bufio.NewReader(pipe)
	first, err := in.ReadString('\n')
	if err == nil {
		time.Sleep(after)
		err = p.Process.Kill()
	}
	rest, readErr := io.ReadAll(in)
	return first + string(rest), errors.Join(err, readErr, p.Wait())
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var numbered = regexp.MustCompile(`(?m)^Subject: number (\d+)\.\n`)

// accounted wants each of so many messages in the mailbox or in the archive, there once;
// at the end whole.
func (h *home) accounted(made int, whole bool) {
	h.t.Helper()
	there, archived := map[string]bool{}, map[string]int{}
	for _, file := range glob(h.t, h.dir+"/Maildir/cur/*") {
		there[string(numbered.FindSubmatch(h.read(file))[1])] = true
	}
	for _, file := range append(glob(h.t, h.dir+"/old/[0-9]*"), glob(h.t, h.dir+"/old/cur/*")...) {
		if strings.HasSuffix(file, ".lock") || regexp.MustCompile(`\.lock\.\d+$`).MatchString(file) {
			continue
		}
		for _, m := range numbered.FindAllSubmatch(h.read(file), -1) {
			archived[string(m[1])]++
		}
	}
	for i := 1; i <= made; i++ {
		n := fmt.Sprint(i)
		if !there[n] && archived[n] == 0 {
			h.t.Fatalf("message %s is nowhere", n)
		}
		if archived[n] > 1 || whole && archived[n] != 1 {
			h.t.Fatalf("message %s is %d times in the archive", n, archived[n])
		}
	}
	if !whole {
		return
	}
	for _, file := range glob(h.t, h.dir+"/old/cur/*") {
		if text := string(h.read(file)); !strings.HasPrefix(text, "Subject: ") {
			h.t.Errorf("%s is %q", file, text)
		}
	}
	for _, file := range glob(h.t, h.dir+"/old/[0-9][0-9][0-9][0-9]") {
		for _, m := range h.kept(strings.TrimPrefix(file, h.dir+"/")) {
			if !strings.HasSuffix(m, `\n"`) || strings.Contains(m, ">From") {
				h.t.Errorf("not whole: %s", m)
			}
		}
	}
}

func (h *home) read(file string) []byte {
	h.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}
