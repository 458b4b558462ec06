package tuning

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// What the environment says stays; else the runtime is set.
func TestServer(t *testing.T) {
	threads, percent, limit := runtime.GOMAXPROCS(0), debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(threads)
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	type settings struct {
		threads, percent int
		limit            int64
	}
	for _, c := range []struct {
		name, value string // in the environment
		want        settings
	}{
		{"GOMAXPROCS", "3", settings{threads, gcPercent, memoryLimit}},
		{"GOGC", "100", settings{2 * threads, 100, math.MaxInt64}},
		{"GOMEMLIMIT", "1GiB", settings{2 * threads, 100, math.MaxInt64}},
		{"NOTHING", "", settings{2 * threads, gcPercent, memoryLimit}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"GOMAXPROCS", "GOGC", "GOMEMLIMIT"} {
				t.Setenv(name, "")
			}
			t.Setenv(c.name, c.value)
			runtime.GOMAXPROCS(threads)
			debug.SetGCPercent(100)
			debug.SetMemoryLimit(math.MaxInt64)
			Server()
			got := settings{runtime.GOMAXPROCS(0), debug.SetGCPercent(100), debug.SetMemoryLimit(-1)}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// Half of the processors are left to others, but for one.
func TestAside(t *testing.T) {
	threads := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(threads) })
	for _, c := range []struct {
		environment string
		have, want  int
	}{{"", 8, 4}, {"", 3, 1}, {"", 1, 1}, {"8", 8, 8}} {
		t.Setenv("GOMAXPROCS", c.environment)
		runtime.GOMAXPROCS(c.have)
		if Aside(); runtime.GOMAXPROCS(0) != c.want {
			t.Errorf("%+v: %d", c, runtime.GOMAXPROCS(0))
		}
	}
}
