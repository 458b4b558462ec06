package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/internal/peer/mailbag"
	"dovetail/learn"
	"dovetail/learn/builtin"
)

const (
	// builtinName is the name of the case for -case.
	builtinName = "builtin"
	// builtinLessons are the lessons of each class, and the messages that are judged after them.
	builtinLessons = 500
	// builtinSingle is how many messages bogofilter judges with a process for each.
	builtinSingle = 100
)

// judged is what a classifier made of the messages.
type judged struct{ falseSpam, falseHam, unsureHam, unsureSpam int }

func (j *judged) add(file, verdict string) {
	switch is, _, _ := strings.Cut(filepath.Base(file), "-"); {
	case is == "ham" && verdict == "spam":
		j.falseSpam++
	case is == "spam" && verdict == "ham":
		j.falseHam++
	case is == "ham" && verdict != "ham":
		j.unsureHam++
	case is == "spam" && verdict != "spam":
		j.unsureSpam++
	}
}

// measureBuiltin teaches our classifier and bogofilter the same mail and has them
// judge the same further mail: how often they are wrong, and how long they take.
func measureBuiltin(ctx context.Context, t *benchT, w io.Writer, o options) error {
	s, err := newBuiltinSetup(ctx, t)
	if err != nil {
		return err
	}
	rows := []struct {
		name  string
		run   func() (judged, int, error)
		found judged
		times []float64
		cpu   []float64
	}{
		{name: "bogofilter, a process each", run: func() (judged, int, error) { return s.bogofilterSingle(ctx) }},
		{name: "bogofilter -b", run: func() (judged, int, error) { return s.bogofilterBulk(ctx) }},
		{name: "builtin", run: func() (judged, int, error) { return s.ours(ctx) }},
	}
	for range max(o.runs, 1) + 1 { // the first run fills caches
		for i := range rows {
			start, before := time.Now(), cpuTime()
			found, n, err := rows[i].run()
			if err != nil {
				return fmt.Errorf("%s: %w", rows[i].name, err)
			}
			rows[i].found = found
			rows[i].times = append(rows[i].times, milliseconds(time.Since(start))/float64(n))
			rows[i].cpu = append(rows[i].cpu, milliseconds(cpuTime()-before)/float64(n))
		}
	}
	fmt.Fprintf(w, "builtin: %d + %d lessons, then %d + %d further messages (made mail, hard to tell apart)\n", builtinLessons, builtinLessons, builtinLessons, builtinLessons)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\tham as spam\tspam as ham\tham unsure\tspam unsure\tms per message\tCPU ms\tCPU/builtin\t\n")
	own := middle(rows[2].cpu[1:])
	for _, row := range rows {
		took, cpu, counts := middle(row.times[1:]), middle(row.cpu[1:]), "\t\t\t"
		if row.name != rows[0].name { // it judges a part only
			counts = fmt.Sprintf("%d\t%d\t%d\t%d", row.found.falseSpam, row.found.falseHam, row.found.unsureHam, row.found.unsureSpam)
		}
		fmt.Fprintf(table, "%s\t%s\t%.3f\t%.3f\t%.2f\t\n", row.name, counts, took, cpu, cpu/own)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

// cpuTime is what this process and those that it started have taken of the processors.
func cpuTime() time.Duration {
	var sum int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		_ = syscall.Getrusage(who, &u) // it fails for other values of who alone
		sum += u.Utime.Nano() + u.Stime.Nano()
	}
	return time.Duration(sum)
}

// builtinSetup are two taught classifiers and the files to be judged.
type builtinSetup struct {
	dir        string
	files      []string
	classifier *builtin.Classifier
}

func newBuiltinSetup(ctx context.Context, t *benchT) (*builtinSetup, error) {
	peer.Need(t, peer.Bogofilter)
	s := &builtinSetup{dir: peer.Dir(t)}
	bag := mailbag.New(1)
	boxes := map[learn.Class]*bytes.Buffer{learn.Spam: {}, learn.Ham: {}}
	var items []learn.Item
	for i := range 2 * builtinLessons {
		for class, raw := range map[learn.Class][]byte{learn.Spam: bag.Spam(i), learn.Ham: bag.Ham(i)} {
			if i >= builtinLessons {
				file := filepath.Join(s.dir, fmt.Sprintf("%s-%d", class, i))
				s.files = append(s.files, file)
				if err := os.WriteFile(file, raw, 0o600); err != nil {
					return nil, err
				}
				continue
			}
			m := message.Parse(raw)
			h, err := learn.HashOf(m)
			if err != nil {
				return nil, err
			}
			items = append(items, learn.Item{Hash: h, Message: m, Class: class})
			fmt.Fprintf(boxes[class], "From a@example.org Sun Nov  1 12:00:00 2026\n%s\n", raw)
		}
	}
	for class, flag := range map[learn.Class]string{learn.Spam: "-s", learn.Ham: "-n"} {
		if _, err := s.bogofilter(ctx, boxes[class], flag, "-M"); err != nil {
			return nil, err
		}
	}
	var err error
	if s.classifier, err = builtin.Open(builtin.Options{Path: filepath.Join(s.dir, "learn.db")}); err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = s.classifier.Close() })
	for _, r := range s.classifier.Learn(ctx, "user", items) {
		if r.Err != nil {
			return nil, r.Err
		}
	}
	return s, nil
}

// bogofilter runs it with its defaults.
func (s *builtinSetup) bogofilter(ctx context.Context, input io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "bogofilter", append([]string{"-C", "-d", s.dir}, args...)...)
	cmd.Stdin = input
	out, err := cmd.Output()
	if err != nil && (cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 || cmd.ProcessState.ExitCode() > 2) { // else it is a verdict
		return "", fmt.Errorf("%v: %w", cmd.Args, err)
	}
	return string(out), nil
}

// verdicts are those of bogofilter -T.
var verdicts = map[string]string{"S": "spam", "H": "ham"}

func (s *builtinSetup) bogofilterSingle(ctx context.Context) (j judged, n int, err error) {
	for _, file := range s.files[:builtinSingle] {
		raw, err := os.ReadFile(file)
		if err != nil {
			return j, 0, err
		}
		out, err := s.bogofilter(ctx, bytes.NewReader(raw), "-T")
		if err != nil {
			return j, 0, err
		}
		word, _, _ := strings.Cut(out, " ")
		j.add(file, verdicts[word])
	}
	return j, builtinSingle, nil
}

func (s *builtinSetup) bogofilterBulk(ctx context.Context) (j judged, n int, err error) {
	out, err := s.bogofilter(ctx, strings.NewReader(strings.Join(s.files, "\n")+"\n"), "-b", "-T")
	if err != nil {
		return j, 0, err
	}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 3 {
			j.add(f[0], verdicts[f[1]])
			n++
		}
	}
	if n != len(s.files) {
		return j, 0, fmt.Errorf("%d verdicts for %d messages", n, len(s.files))
	}
	return j, n, nil
}

// ours judges as a server does, one message after the other.
func (s *builtinSetup) ours(ctx context.Context) (j judged, n int, err error) {
	for _, file := range s.files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return j, 0, err
		}
		v, err := s.classifier.Classify(ctx, "user", message.Parse(raw))
		if err != nil {
			return j, 0, err
		}
		j.add(file, string(v.Class))
	}
	return j, len(s.files), nil
}
