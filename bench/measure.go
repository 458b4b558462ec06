package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/peer/load"
)

// runTimeout bounds one run of one server.
const runTimeout = 3 * time.Minute

// result is what one run, or the median of several, showed.
type result struct {
	perSecond float64
	p99       time.Duration
	cpu       time.Duration // per delivery
	memory    int64         // bytes, the most that was seen
}

// measure runs a case on all targets in turn, and returns the medians.
func measure(ctx context.Context, t *benchT, c benchCase, o options) (map[string]result, error) {
	all := map[string][]result{}
	for range o.runs {
		for _, target := range o.targets {
			r, err := measureOnce(ctx, t, c, target)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", target.name(), err)
			}
			all[target.name()] = append(all[target.name()], r)
		}
	}
	medians := map[string]result{}
	for name, results := range all {
		medians[name] = result{
			perSecond: median(results, func(r result) float64 { return r.perSecond }),
			p99:       time.Duration(median(results, func(r result) float64 { return float64(r.p99) })),
			cpu:       time.Duration(median(results, func(r result) float64 { return float64(r.cpu) })),
			memory:    int64(median(results, func(r result) float64 { return float64(r.memory) })),
		}
	}
	return medians, nil
}

func median(results []result, value func(result) float64) float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = value(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func measureOnce(ctx context.Context, t *benchT, c benchCase, target target) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	server, socket := target.start(t, newSetup(t, c))
	defer server.Stop(t)
	o := load.Options{
		Addr: "unix:" + socket, Conns: c.conns, Messages: c.messages, Size: c.size,
		Users: users, Rcpts: c.rcpts, Header: c.header(),
	}
	first := o
	first.Conns, first.Messages, first.Rcpts, first.Size = 1, 1, users, 4<<10
	if _, err := load.Run(ctx, first); err != nil {
		return result{}, fmt.Errorf("first message: %w", err)
	}
	settle()
	if c.scripts == oneRule || c.scripts == manyRules {
		time.Sleep(rulesAge)
	}

	before, err := server.Usage()
	if err != nil {
		return result{}, err
	}
	watch := watchMemory(server)
	stats, err := load.Run(ctx, o)
	memory := watch.stop()
	if err != nil {
		return result{}, err
	}
	after, err := server.Usage()
	if err != nil {
		return result{}, err
	}
	return result{
		perSecond: stats.PerSecond(), p99: stats.P99, memory: memory,
		cpu: (after.CPU - before.CPU) / time.Duration(stats.Deliveries),
	}, nil
}

// settle lets the disk finish what earlier runs have left to it.
func settle() {
	// Without a file there is nothing to flush through; the figures are then
	// only less even.
	if f, err := os.Open(os.TempDir()); err == nil {
		_ = syncAll(f)
		f.Close()
	}
}

// watcher samples the memory of a server.
type watcher struct {
	quit chan struct{}
	most chan int64
}

func watchMemory(server *peer.Process) watcher {
	w := watcher{quit: make(chan struct{}), most: make(chan int64)}
	go func() {
		var most int64
		for {
			if u, err := server.Usage(); err == nil {
				most = max(most, u.PSS)
			}
			// Seldom, because reading it takes time on the same processors.
			select {
			case <-w.quit:
				w.most <- most
				return
			case <-time.After(300 * time.Millisecond):
			}
		}
	}()
	return w
}

// stop returns the most memory that was seen.
func (w watcher) stop() int64 {
	close(w.quit)
	return <-w.most
}
