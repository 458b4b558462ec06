package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/peer"
	"dovetail/internal/peer/diskfloor"
)

func syncAll(f *os.File) error { return unix.Syncfs(int(f.Fd())) }

// measureFloor prints what the disk allows: durable files per second.
func measureFloor(ctx context.Context, t *benchT, w io.Writer, o options) error {
	files := 4000
	if o.short {
		files = 800
	}
	fmt.Fprintln(w, "The disk's floor: 4 KiB files made durable, per second, and the 99th percentile in ms")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\t%v\t\t%v\t\t\n", diskfloor.Each, diskfloor.Shared)
	for _, goroutines := range []int{1, 8, 16, 64} {
		fmt.Fprintf(table, "%d goroutines\t", goroutines)
		for _, method := range []diskfloor.Method{diskfloor.Each, diskfloor.Shared} {
			var results []result
			for range o.runs {
				dir := peer.Homes(t, peer.Dir(t)+"/mail", nil)
				r, err := diskfloor.Run(ctx, diskfloor.Options{Dir: dir, Method: method, Goroutines: goroutines, Files: files, Dirs: users})
				if err != nil {
					return fmt.Errorf("the disk's floor: %w", err)
				}
				results = append(results, result{perSecond: r.PerSecond, p99: r.P99})
			}
			fmt.Fprintf(table, "%.0f\t%.1f\t", median(results, func(r result) float64 { return r.perSecond }),
				median(results, func(r result) float64 { return r.p99.Seconds() * float64(time.Second/time.Millisecond) }))
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}
