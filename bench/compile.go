package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/tuning"
	"dovetail/sieve"
)

const (
	// compileName is the name of the case for -case.
	compileName = "compile"
	// compileRules is the number of rules in the big script.
	compileRules = 1000
	// compileTimes is how often each of them compiles it in a run.
	compileTimes = 20
)

// measureCompile compiles a script of many rules with sievec, with our check, and
// with the engine alone, as dovetail-lmtpd does after each change of a script. What
// sievec takes for an empty script tells how much of its time is its start.
func measureCompile(ctx context.Context, t *benchT, w io.Writer, o options) error {
	s := newCompileSetup(t)
	program := func(command ...string) func() (time.Duration, error) {
		return func() (time.Duration, error) { return timed(ctx, command) }
	}
	// As in dovetail-lmtpd, for which this stands.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	percent := debug.SetGCPercent(100)
	defer debug.SetGCPercent(percent)
	tuning.Server()
	compile, err := s.engine()
	if err != nil {
		return err
	}
	rows := []struct {
		name  string
		run   func() (time.Duration, error)
		times []float64
	}{
		{name: "sievec", run: program("/usr/bin/sievec", "-c", s.dovecot.Config, s.big)},
		{name: "sievec, empty script", run: program("/usr/bin/sievec", "-c", s.dovecot.Config, s.empty)},
		{name: "dovetail sieve check", run: program(filepath.Join(filepath.Dir(o.program), "dovetail"), "sieve", "check", s.big)},
		{name: "dovetail's engine", run: compile},
	}
	times := max(o.runs, 1) * compileTimes
	if o.short {
		times /= 5
	}
	for range times {
		for i := range rows {
			took, err := rows[i].run()
			if err != nil {
				return err
			}
			rows[i].times = append(rows[i].times, milliseconds(took))
		}
	}
	sievec := middle(rows[0].times)
	fmt.Fprintf(w, "compile: a script of %d rules\n", compileRules)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\tms\tsievec/it\t\n")
	for _, row := range rows {
		took := middle(row.times)
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t\n", row.name, took, sievec/took)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

// compileSetup is a configuration for sievec, and the scripts.
type compileSetup struct {
	dovecot    *peer.Dovecot
	big, empty string
}

func newCompileSetup(t *benchT) *compileSetup {
	dir := peer.Dir(t)
	s := &compileSetup{
		dovecot: peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(1), Sieve: true}),
		big:     filepath.Join(dir, "big.sieve"), empty: filepath.Join(dir, "empty.sieve"),
	}
	for name, text := range map[string]string{s.big: ruleList(compileRules), s.empty: "keep;\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return s
}

// ruleList is a script of n rules, an address test and a fileinto each.
func ruleList(n int) string {
	var b strings.Builder
	b.WriteString("require \"fileinto\";\n")
	for i := range n {
		fmt.Fprintf(&b, "if address :is \"from\" \"user%d@example.net\" { fileinto \"box%d\"; stop; }\n", i, i)
	}
	return b.String()
}

// engine gives a function that compiles the big script with the engine.
func (s *compileSetup) engine() (func() (time.Duration, error), error) {
	e, err := sieve.New(sieve.Options{})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(s.big)
	if err != nil {
		return nil, err
	}
	return func() (time.Duration, error) {
		start := time.Now()
		if p, diags := e.Compile("big", text, false); p == nil {
			return 0, diags
		}
		return time.Since(start), nil
	}, nil
}
