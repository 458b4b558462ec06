package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// A complaint, a failure and a returned error all make the benchmark fail, and
// what was registered for the end is called in any case, last first.
func TestWithBench(t *testing.T) {
	failure := errors.New("failure")
	for name, f := range map[string]func(*benchT) error{
		"Errorf": func(t *benchT) error { t.Errorf("%w", failure); return nil },
		"Fatalf": func(t *benchT) error { t.Fatalf("%w", failure); return nil },
		"return": func(*benchT) error { return failure },
	} {
		var order []int
		err := withBench(func(t *benchT) error {
			t.Cleanup(func() { order = append(order, 1) })
			t.Cleanup(func() { order = append(order, 2) })
			return f(t)
		})
		if !errors.Is(err, failure) || !slices.Equal(order, []int{2, 1}) {
			t.Errorf("%s: error %v, cleanups %v", name, err, order)
		}
	}
}

func TestMedian(t *testing.T) {
	results := []result{{perSecond: 9}, {perSecond: 1}, {perSecond: 5}}
	if m := median(results, func(r result) float64 { return r.perSecond }); m != 5 {
		t.Errorf("median %v, want 5", m)
	}
}

// Each kind of scripts has its effect on a real server, and is measured.
func TestMeasure(t *testing.T) {
	peer.Need(t, peer.Root, peer.Dovecot23)
	t.Chdir("..")
	for _, c := range []benchCase{
		{noSieve, 4 << 10, 2, 1, 6},
		{ham, 4 << 10, 1, 2, 3},
		{spamLearn, 4 << 10, 1, 1, 3},
		{manyRules, 4 << 10, 2, 1, 4},
	} {
		var out bytes.Buffer
		err := withBench(func(b *benchT) error {
			results, err := measure(context.Background(), b, c, options{runs: 1, targets: []target{dovecot{}}})
			if err != nil {
				return err
			}
			r := results["dovecot"]
			if r.perSecond <= 0 || r.p99 <= 0 || r.p99 > time.Minute || r.memory <= 0 {
				t.Errorf("%s: %+v", c.name(), r)
			}
			printRow(&out, c, []target{dovecot{}}, results)
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", c.name(), err)
		}
		if !strings.HasPrefix(out.String(), c.name()) {
			t.Errorf("row %q", out.String())
		}
	}
}

// A script of many rules is compiled by all, and each has its row.
func TestMeasureCompile(t *testing.T) {
	peer.Need(t, peer.Root, peer.Dovecot23)
	program := filepath.Join(t.TempDir(), "dovetail")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/dovetail").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out bytes.Buffer
	err := withBench(func(b *benchT) error {
		return measureCompile(context.Background(), b, &out, options{program: program, short: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"sievec  ", "sievec, empty script  ", "dovetail sieve check  ", "dovetail's engine  "} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("no row %q in\n%s", row, &out)
		}
	}
}

// The scripts of the site are used as they are, but for the line that the case
// leaves out.
func TestSetup(t *testing.T) {
	t.Chdir("..")
	for kind, want := range map[scripts]bool{spam: false, spamLearn: true} {
		s := newSetup(t, benchCase{scripts: kind})
		text, err := os.ReadFile(s.before + "/20_rien-mark.sieve")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), "pipe :copy"); got != want {
			t.Errorf("%s: pipe in the site's script: %v", scriptNames[kind], got)
		}
	}
}

// Both classifiers judge the mail, and the table has a row for each.
func TestMeasureBuiltin(t *testing.T) {
	peer.Need(t, peer.Bogofilter)
	var out bytes.Buffer
	err := withBench(func(b *benchT) error {
		return measureBuiltin(t.Context(), b, &out, options{runs: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"bogofilter, a process each  ", "bogofilter -b  ", "builtin  "} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("no row %q in\n%s", row, &out)
		}
	}
}

// All programs find and leave the same messages, and each has its row.
func TestMeasureSearch(t *testing.T) {
	peer.Need(t, peer.Root, peer.Dovecot23)
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir, "../cmd/dovetail").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out bytes.Buffer
	err := withBench(func(b *benchT) error {
		return measureSearch(context.Background(), b, &out, options{program: dir + "/dovetail-lmtpd", messages: []int{300, 600}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"flags and age  ", "flags and age, warm index  ", "SUBJECT  ", "BODY  ", "find -delete, dovetail/find  ", "expunge: 600 messages"} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("no row %q in\n%s", row, &out)
		}
	}
}
