package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
	"dovetail/learn/queue"
)

const (
	// learnName is the name of the case for -case.
	learnName = "learn"
	// learnTimes is how often each program is started in a run.
	learnTimes = 100
)

// measureLearn measures how long a user who moves a message into the junk folder
// waits: for rspamc, which has a running rspamd learn it, and for learn-spam, which
// puts it into the queue on disk. What a program takes that does nothing tells how
// much of that is starting a process on this machine.
func measureLearn(ctx context.Context, t *benchT, w io.Writer, o options) error {
	s, err := newLearnSetup(t, o)
	if err != nil {
		return err
	}
	times := max(o.runs, 1) * learnTimes
	if o.short {
		times /= 5
	}
	took := make([][]float64, len(s.programs))
	for n := range times {
		if err := os.WriteFile(s.message, s.corpus.Spam(n), 0o600); err != nil {
			return err
		}
		for i, p := range s.programs {
			d, err := timedInput(ctx, s.message, p.command)
			if err != nil {
				return err
			}
			took[i] = append(took[i], milliseconds(d))
		}
	}
	if err := s.check(t, times); err != nil {
		return err
	}
	fmt.Fprintf(w, "learn: one message, the whole process, %d times\n", times)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\tms\tp90 ms\tit/rspamc\t\n")
	rspamc := middle(took[0])
	for i, p := range s.programs {
		slices.Sort(took[i])
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.2f\t\n", p.name, middle(took[i]), took[i][len(took[i])*9/10], middle(took[i])/rspamc)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

// learnSetup is a rspamd, a queue, and what is measured.
type learnSetup struct {
	rspamd   *peer.Rspamd
	corpus   *corpus.Corpus
	message  string // path of the message to be learned
	queue    string
	programs []learnProgram
}

type learnProgram struct {
	name    string
	command []string
}

func newLearnSetup(t *benchT, o options) (*learnSetup, error) {
	dir := peer.Dir(t)
	s := &learnSetup{
		rspamd: peer.StartRspamd(t, peer.RspamdOptions{}), corpus: corpus.New(uint64(time.Now().UnixNano())),
		message: filepath.Join(dir, "message"), queue: filepath.Join(dir, "queue"),
	}
	if err := queue.Make(s.queue, queue.ModeShared); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "dovetail.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "[learn]\nqueue_dir = %q\n", s.queue), 0o644); err != nil {
		return nil, err
	}
	s.programs = []learnProgram{
		{"rspamc learn_spam", []string{"/usr/bin/rspamc", "-h", s.rspamd.Addr, "-P", peer.Password, "learn_spam"}},
		{"learn-spam", []string{filepath.Join(filepath.Dir(o.program), "learn-spam"), "-c", config, "user1"}},
		{"true", []string{"/bin/true"}},
	}
	return s, nil
}

// check makes sure that both have done their work.
func (s *learnSetup) check(t *benchT, want int) error {
	if spam, _ := s.rspamd.Counts(""); spam != want {
		t.Errorf("rspamd has learned %d messages of %d", spam, want)
	}
	files, err := os.ReadDir(s.queue)
	if err == nil && len(files) != want {
		t.Errorf("the queue has %d messages of %d", len(files), want)
	}
	return err
}
