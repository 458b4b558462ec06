package delivery

import (
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// maxParallel bounds how many recipients of one transaction run scripts, programs
// and sendings at the same time. Without it one recipient's slow program would
// keep the client waiting for every other one's answer, until it gives up and
// sends all again.
const maxParallel = 8

// inParallel calls f for each item and returns when all calls have. A panic of
// one is the caller's, after the others have ended.
func inParallel[T any](items []T, f func(T)) {
	if len(items) == 1 {
		f(items[0])
		return
	}
	var panicked atomic.Value
	var g errgroup.Group
	g.SetLimit(maxParallel)
	for _, item := range items {
		g.Go(func() error {
			defer func() {
				if p := recover(); p != nil {
					panicked.CompareAndSwap(nil, [1]any{p})
				}
			}()
			f(item)
			return nil
		})
	}
	_ = g.Wait() // no call gives an error
	if p, ok := panicked.Load().([1]any); ok {
		panic(p[0])
	}
}
