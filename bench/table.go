package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	nameWidth   = 46
	targetWidth = 34
)

// printHead prints the head of the table whose rows printRow prints. The columns
// have fixed widths, because a row is printed when it is known.
func printHead(w io.Writer, targets []target) {
	first, second := strings.Repeat(" ", nameWidth), strings.Repeat(" ", nameWidth)
	for _, t := range targets {
		first += fmt.Sprintf("  %-*s", targetWidth, t.name())
		second += fmt.Sprintf("  %8s %8s %8s %7s", "del/s", "p99 ms", "CPU ms", "MiB")
	}
	if len(targets) > 1 {
		second += fmt.Sprintf("  %s/%s", targets[1].name(), targets[0].name())
	}
	fmt.Fprintf(w, "%s\n%s\n", strings.TrimRight(first, " "), second)
}

func printRow(w io.Writer, c benchCase, targets []target, results map[string]result) {
	row := fmt.Sprintf("%-*s", nameWidth, c.name())
	for _, t := range targets {
		r := results[t.name()]
		row += fmt.Sprintf("  %8.0f %8.1f %8.2f %7.1f", r.perSecond, milliseconds(r.p99), milliseconds(r.cpu), float64(r.memory)/(1<<20))
	}
	if len(targets) > 1 {
		row += fmt.Sprintf("  %.2f", results[targets[1].name()].perSecond/results[targets[0].name()].perSecond)
	}
	fmt.Fprintln(w, row)
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
