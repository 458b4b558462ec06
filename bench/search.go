package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"dovetail/internal/peer"
)

const (
	// searchName is the name of the case for -case.
	searchName = "search"
	// searchTimeout bounds one run of one program.
	searchTimeout = 15 * time.Minute
	// searchSeconds is how long the runs of a search take at least: those of a tenth of a
	// second scatter, so there are more of them.
	searchSeconds = 6
)

// searchKind is a search of the case.
type searchKind struct {
	name   string
	query  []string
	warm   bool
	wanted string
}

// searches gives the searches of the case. Where warm, doveadm has all that it keeps of a
// mailbox; else it has the UIDs (dovecot-uidlist), and no index.
func (s *searchSetup) searches() []searchKind {
	return []searchKind{
		{"flags and age", s.oldRead(), false, ">= 3"},
		{"flags and age, warm index", s.oldRead(), true, ">= 0.67"},
		{"SUBJECT", []string{"mailbox", "INBOX", "SUBJECT", searchSubject}, false, ">= 5"},
		{"BODY", []string{"mailbox", "INBOX", "BODY", searchBody}, false, ">= 2"},
	}
}

// oldRead is what the site's cron lines look for. The week is the same for all programs.
func (s *searchSetup) oldRead() []string {
	return []string{"mailbox", "INBOX", "SEEN", "not", "FLAGGED", "not", "SINCE", fmt.Sprint(s.weekAgo())}
}

// weekAgo is a Unix time.
func (s *searchSetup) weekAgo() int64 { return s.now.Add(-7 * 24 * time.Hour).Unix() }

// measureSearch runs searches and an expunge of half of a mailbox with doveadm and with
// ours, the expunge with find too. All have the mailbox's files in the kernel's memory, and
// what the programs print is compared. Memory is the most that was resident (ru_maxrss,
// which counts what this program has as well: some 20 MiB).
func measureSearch(ctx context.Context, t *benchT, w io.Writer, o options) error {
	var first map[string]float64
	for i, n := range o.messages {
		if o.short {
			n /= 10
		}
		took, err := measureMailbox(ctx, t, w, o, n)
		if err != nil {
			return err
		}
		if i == 0 {
			first = took
			continue
		}
		for _, name := range []string{"search", "expunge"} {
			fmt.Fprintf(w, "%s: %d messages take %.1f times as long as the first number\n", name, n, took[name]/first[name])
		}
		fmt.Fprintln(w)
	}
	return nil
}

// measureMailbox measures a mailbox of n messages, and gives our seconds of two of the rows.
func measureMailbox(ctx context.Context, t *benchT, w io.Writer, o options, n int) (map[string]float64, error) {
	s := newSearchSetup(t, o, n)
	fmt.Fprintf(w, "search: %d messages of %d KiB in the kernel's memory\n", n, searchSize>>10)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\tdoveadm s\tMiB\tdovetail s\tMiB\tdoveadm/dovetail\twanted\t\n")
	took, err := s.search(ctx, table)
	if err == nil {
		took["expunge"], err = s.expunge(ctx, table)
	}
	if err = errors.Join(err, table.Flush()); err != nil {
		return nil, err
	}
	fmt.Fprintln(w)
	return took, nil
}

// searchSetup is a Dovecot without mail, and our configuration for the same users.
type searchSetup struct {
	t       *benchT
	dovecot *peer.Dovecot
	config  string
	program string
	runs    int
	least   float64 // seconds that the runs of a search take together
	n       int     // messages
	now     time.Time
}

// searchUsers are the users of the case: the first for searches, the others for expunges.
const searchUsers = 100

func newSearchSetup(t *benchT, o options, n int) *searchSetup {
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(searchUsers)})
	s := &searchSetup{
		t: t, dovecot: d, config: storedConfig(t, d, ""), n: n, runs: max(o.runs, 1), now: time.Now(),
		program: filepath.Join(filepath.Dir(o.program), "dovetail"),
	}
	if s.runs > 1 && !o.short {
		s.least = searchSeconds
	}
	return s
}

func (s *searchSetup) maildir(user string) string {
	return filepath.Join(s.dovecot.Home(user), "Maildir")
}

// mailbox makes a user's mailbox, to which Dovecot gives UIDs.
func (s *searchSetup) mailbox(ctx context.Context, user string) error {
	if err := makeMailbox(ctx, s.maildir(user), s.dovecot.User(user), s.n, s.now); err != nil {
		return err
	}
	if _, err := s.run(ctx, s.doveadm(user, "search", "ALL")); err != nil {
		return err
	}
	settle()
	return nil
}

func (s *searchSetup) doveadm(user, command string, query ...string) []string {
	return append([]string{"/usr/bin/doveadm", "-c", s.dovecot.Config, command, "-u", user}, query...)
}

func (s *searchSetup) dovetail(user, command string, query ...string) []string {
	return append([]string{s.program, "-c", s.config, command, "-u", user}, query...)
}

// used is what a run of a program has taken, and what it printed.
type used struct {
	seconds float64
	memory  float64 // MiB
	output  []byte
}

// run runs a program.
func (s *searchSetup) run(ctx context.Context, command []string) (used, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	var said bytes.Buffer
	out, err := os.CreateTemp(s.dovecot.Dir, "out")
	if err != nil {
		return used{}, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = out, &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return used{}, fmt.Errorf("%v: %w: %s", command, err, tail(said.String()))
	}
	u := used{seconds: time.Since(start).Seconds()}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.memory = float64(r.Maxrss) / 1024
	}
	u.output, err = digest(out.Name())
	return u, err
}

// search measures the searches, and tells how long our first took.
func (s *searchSetup) search(ctx context.Context, table io.Writer) (map[string]float64, error) {
	const user = "user1"
	if err := s.mailbox(ctx, user); err != nil {
		return nil, err
	}
	defer os.RemoveAll(s.maildir(user)) // what stays goes with the test's folder
	took := map[string]float64{}
	for _, search := range s.searches() {
		var theirs, ours []used
		for total := 0.0; len(ours) < s.runs || total < s.least; {
			if err := s.forget(ctx, user, search.warm, search.query); err != nil {
				return nil, err
			}
			a, err := s.run(ctx, s.doveadm(user, "search", search.query...))
			if err != nil {
				return nil, err
			}
			b, err := s.run(ctx, s.dovetail(user, "search", search.query...))
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(a.output, b.output) {
				s.t.Errorf("search %v of %d messages: doveadm and dovetail print different things", search.query, s.n)
			}
			theirs, ours = append(theirs, a), append(ours, b)
			total += a.seconds + b.seconds
		}
		seconds := searchRow(table, search.name, theirs, ours, search.wanted)
		if _, ok := took["search"]; !ok {
			took["search"] = seconds
		}
	}
	return took, nil
}

// forget removes what Dovecot knows of a mailbox, or lets it find out all.
func (s *searchSetup) forget(ctx context.Context, user string, warm bool, query []string) error {
	if warm {
		_, err := s.run(ctx, s.doveadm(user, "search", query...))
		return err
	}
	names, err := filepath.Glob(filepath.Join(s.maildir(user), "dovecot.*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// searchRow prints a row and gives our seconds.
func searchRow(w io.Writer, name string, theirs, ours []used, wanted string) float64 {
	a, b := middleOf(theirs), middleOf(ours)
	fmt.Fprintf(w, "%s\t%.2f\t%.0f\t%.2f\t%.0f\t%.2f\t%s\t\n", name, a.seconds, a.memory, b.seconds, b.memory, a.seconds/b.seconds, wanted)
	return b.seconds
}

// middleOf gives the medians.
func middleOf(all []used) used {
	var seconds, memory []float64
	for _, u := range all {
		seconds, memory = append(seconds, u.seconds), append(memory, u.memory)
	}
	return used{seconds: middle(seconds), memory: middle(memory)}
}
