// Package tuning sets the Go runtime for what our programs do.
package tuning

import (
	"os"
	"runtime"
	"runtime/debug"
)

// The garbage collector of a server: a small heap is collected seldom, a large one as
// usual, since the limit comes before the percentage.
const (
	serverGCPercent   = 400
	serverMemoryLimit = 512 << 20 // bytes, of the Go runtime
)

// Server sets the runtime for a server that delivers mail. GOMAXPROCS, GOGC and
// GOMEMLIMIT of the environment go before.
//
// Twice as many threads run Go code as there are processors: a delivery waits for the
// disk several times, and the runtime notices only after tens of microseconds that a
// thread is blocked in a system call and keeps its place for nothing. With one place for
// each processor, they stand idle for a third of the time.
//
// A server without large scripts has 4 MiB of live heap. With the usual percentage a
// collection would begin after each further 4 MiB, which is three scripts of a thousand
// rules, and slow them down by a third.
func Server() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(serverGCPercent)
		debug.SetMemoryLimit(serverMemoryLimit)
	}
}
