// Package tuning sets the Go runtime for what our programs do.
package tuning

import (
	"os"
	"runtime"
	"runtime/debug"
)

// A small heap is collected seldom, a large one as usual, since the limit comes before
// the percentage.
const (
	gcPercent   = 400
	memoryLimit = 512 << 20 // bytes, of the Go runtime
)

// Server sets the runtime for a server that delivers mail, see also Heap. GOMAXPROCS of
// the environment goes before.
//
// Twice as many threads run Go code as there are processors: a delivery waits for the
// disk several times, and the runtime notices only after tens of microseconds that a
// thread is blocked in a system call and keeps its place for nothing. With one place for
// each processor, they stand idle for a third of the time.
func Server() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
	Heap()
}

// Heap sets the garbage collector for a program that has little live heap and makes much
// garbage. GOGC and GOMEMLIMIT of the environment go before.
//
// A server without large scripts has 4 MiB of live heap. With the usual percentage a
// collection would begin after each further 4 MiB, which is three scripts of a thousand
// rules, and slow them down by a third. Bulk training takes a third less of the processor.
func Heap() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(memoryLimit)
	}
}

// Aside sets the runtime for a program that keeps other programs of the machine at work:
// Go code runs on half of the processors. GOMAXPROCS of the environment goes before.
//
// Beside rspamd and redis, bulk training then takes a third less of the processor, for
// waking threads, and an eighth less time.
func Aside() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	}
}
