package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
)

// benchT is the benchmark's peer.T: a failure ends it, a complaint is printed
// and makes it fail in the end.
type benchT struct {
	cleanups []func()
	err      error
}

func (t *benchT) Helper()                         {}
func (t *benchT) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (t *benchT) Errorf(format string, args ...any) {
	t.err = errors.Join(t.err, fmt.Errorf(format, args...))
}
func (t *benchT) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}
func (t *benchT) Skipf(format string, args ...any) { t.Fatalf(format, args...) }
func (t *benchT) Cleanup(f func())                 { t.cleanups = append(t.cleanups, f) }

// withBench calls f, then what it has registered for the end, and returns all
// that went wrong.
func withBench(f func(*benchT) error) error {
	t := &benchT{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range slices.Backward(t.cleanups) {
				cleanup()
			}
		}()
		if err := f(t); err != nil {
			t.Errorf("%w", err)
		}
	}()
	<-done
	return t.err
}
