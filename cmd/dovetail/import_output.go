package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"dovetail/internal/cli"
	"dovetail/internal/mailimport"
	"dovetail/internal/mbox"
)

// maxFindingsTold bounds the findings of a file that are printed without -v, those of
// damage aside.
const maxFindingsTold = 20

// importOutput shows how it goes, and what became of each file.
type importOutput struct {
	w, errors io.Writer
	bar       *progress
	options   *importOptions
	start     time.Time
	before    int64 // bytes of the files that are done
	reports   []*mailimport.Report
}

// progress shows a bar on a terminal: bytes, their rate, and the time left.
func (o *importOutput) progress(files []*mbox.File) {
	o.bar = newProgress(o.errors, func() (total int64) {
		for _, f := range files {
			total += f.Size
		}
		return total
	}, progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth())
}

// message shows one message.
func (o *importOutput) message(m *mailimport.Message) {
	_, end := m.Span()
	o.bar.set(o.before + end)
	if !o.options.verbose || o.options.format == "json" {
		return
	}
	o.bar.clear()
	what := "import"
	switch {
	case m.Internal:
		what = "internal"
	case m.Present:
		what = "present"
	}
	fmt.Fprintf(o.w, "%-8s  line %d  %s  %d bytes  (%s)  %s\n", what, m.Line, m.Received.Format(time.RFC3339),
		m.Size, cli.OneLine(strings.Join(m.Flags, " ")), cli.OneLine(m.Subject))
}

// file tells what became of a file of so many bytes.
func (o *importOutput) file(size int64, r *mailimport.Report) {
	o.reports = append(o.reports, r)
	o.before += size
	if o.options.format == "json" {
		return
	}
	o.bar.clear()
	name := cli.OneLine(r.File)
	told, left := 0, 0
	for _, f := range r.Findings {
		switch {
		case f.Damaged:
			fmt.Fprintf(o.errors, "%s: damaged: %s\n", name, cli.OneLine(f.String()))
		case told < maxFindingsTold || o.options.verbose:
			told++
			fmt.Fprintf(o.errors, "%s: %s\n", name, cli.OneLine(f.String()))
		default:
			left++
		}
	}
	if left > 0 {
		fmt.Fprintf(o.errors, "%s: %d more, shown with -v\n", name, left)
	}
	verb := "imported"
	if o.options.dryRun {
		verb = "would be imported"
	}
	fmt.Fprintf(o.w, "%s: %d messages, %d %s (%d bytes), %d there already", name, r.Messages, r.Imported, verb, r.Bytes, r.Present)
	if r.Internal > 0 {
		fmt.Fprintf(o.w, ", %d of a mail program's own", r.Internal)
	}
	if r.Oldest != nil {
		fmt.Fprintf(o.w, ", received %s to %s", r.Oldest.Format(time.DateOnly), r.Newest.Format(time.DateOnly))
	}
	fmt.Fprintln(o.w)
}

// importSummary is what --format json prints. The keys are an interface.
type importSummary struct {
	Files   []*mailimport.Report `json:"files"`
	Mailbox string               `json:"mailbox"`
	DryRun  bool                 `json:"dry_run"`
	Seconds float64              `json:"seconds"`
	Error   string               `json:"error"`
}

// end prints the rest, which holds in case of an error, too.
func (o *importOutput) end(err error) error {
	o.bar.clear()
	if o.options.format == "json" {
		s := importSummary{o.reports, o.options.mailbox, o.options.dryRun, time.Since(o.start).Seconds(), ""}
		if err != nil {
			s.Error = err.Error()
		}
		err = errors.Join(err, json.NewEncoder(o.w).Encode(s))
	}
	damaged := 0
	for _, r := range o.reports {
		if r.Damaged() {
			damaged++
		}
	}
	if err == nil && damaged > 0 {
		return failed(fmt.Errorf("%d of %d files are damaged or were changed meanwhile; what they hold is imported", damaged, len(o.reports)))
	}
	return err
}
