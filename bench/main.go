// Command bench measures dovetail-lmtpd and Dovecot's LMTP server beside each
// other: the same messages, users and scripts, on the same disk, both durable.
// It needs root and Dovecot, see scripts/test-deps.
//
//	go run ./bench [-short] [-runs N] [-case REGEXP] [-target NAMES] [-messages LIST] [-dir DIR]
//
// Every run starts its server in a fresh folder, with one message to each user
// first, so that mailboxes exist. The runs of the servers take turns. For each
// case it prints deliveries per second, the 99th percentile of the time that a
// transaction took, CPU time of the server per delivery, and the most memory
// that all processes of the server had (PSS: shared pages count once). All
// figures are medians.
//
// The case "filter" is another one: the site's script over stored messages, by
// Pigeonhole's sieve-filter and by ours. So are "compile", a script of 1,000
// rules, "rules", deliveries by such scripts of the users, "learn": one message
// handed over by rspamc and by learn-spam, as Sieve's pipe calls them, and "search":
// searches and an expunge by doveadm, by find and by ours in Maildirs of -messages.
//
// Fresh folders matter: on ext4, creating files where many were deleted runs at
// a tenth of the speed. So nothing is deleted before the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

type options struct {
	short   bool
	runs    int
	match   *regexp.Regexp
	targets []target
	floor   bool
	program string // dovetail-lmtpd; the other programs lie beside it

	messages []int // in the mailboxes of the case "search"
}

func main() {
	o, err := parseFlags(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.BoolVar(&o.short, "short", false, "a tenth of the messages, one run: a quick look")
	flags.IntVar(&o.runs, "runs", 3, "runs of each case and server")
	match := flags.String("case", "", "only the cases whose `name` matches")
	names := flags.String("target", "dovecot,dovetail", "servers, separated by commas")
	flags.BoolVar(&o.floor, "floor", true, "measure what the disk allows, too")
	flags.StringVar(&o.program, "bin", "bin/dovetail-lmtpd", "the `program` to measure; the others lie beside it")
	sizes := flags.String("messages", "100000", "numbers of messages in the mailboxes of the case search, separated by commas")
	dir := flags.String("dir", "", "where the folders of the runs are made (default: the folder for temporary files)")
	_ = flags.Parse(args) // exits on errors
	var err error
	if o.match, err = regexp.Compile(*match); err != nil {
		return o, fmt.Errorf("-case: %w", err)
	}
	if o.short {
		o.runs = 1
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-messages: %q is no number of messages", text)
		}
		o.messages = append(o.messages, n)
	}
	if *dir != "" {
		// The peers make their folders there.
		if err := os.Setenv("TMPDIR", *dir); err != nil {
			return o, err
		}
	}
	for name := range strings.SplitSeq(*names, ",") {
		t, err := newTarget(name, o.program)
		if err != nil {
			return o, err
		}
		o.targets = append(o.targets, t)
	}
	return o, nil
}

// run measures all cases and prints a line for each as soon as it is known.
func run(ctx context.Context, o options) error {
	return withBench(func(t *benchT) error {
		if o.floor {
			if err := measureFloor(ctx, t, os.Stdout, o); err != nil {
				return err
			}
		}
		for _, c := range []struct {
			name    string
			measure func(context.Context, *benchT, io.Writer, options) error
		}{
			{filterName, measureFilter}, {compileName, measureCompile}, {learnName, measureLearn}, {bulkName, measureBulk}, {rulesName, measureRules}, {searchName, measureSearch},
		} {
			if !o.match.MatchString(c.name) {
				continue
			}
			if err := c.measure(ctx, t, os.Stdout, o); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		if o.match.MatchString(builtinName) {
			if err := measureBuiltin(ctx, t, os.Stdout, o); err != nil {
				return fmt.Errorf("%s: %w", builtinName, err)
			}
		}
		headed := false
		for _, c := range cases(o.short) {
			if !o.match.MatchString(c.name()) {
				continue
			}
			if !headed {
				printHead(os.Stdout, o.targets)
				headed = true
			}
			results, err := measure(ctx, t, c, o)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name(), err)
			}
			printRow(os.Stdout, c, o.targets, results)
		}
		return nil
	})
}
