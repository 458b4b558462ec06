package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressInterval is how often the progress bar is drawn anew.
const progressInterval = 100 * time.Millisecond

// progress is a progress bar; nil is none. One that cannot be drawn is no reason to stop.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress makes a bar where w is a terminal. Total gives its length, -1 when that is
// not known; without a terminal it is not asked.
func newProgress(w io.Writer, total func() int64, options ...progressbar.Option) *progress {
	if !isTerminal(w) {
		return nil
	}
	return &progress{progressbar.NewOptions64(total(), append([]progressbar.Option{progressbar.OptionSetWriter(w),
		progressbar.OptionThrottle(progressInterval), progressbar.OptionClearOnFinish()}, options...)...)}
}

// inMessages are the options of a bar that counts messages.
func inMessages() []progressbar.Option {
	return []progressbar.Option{progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("messages")}
}

func (p *progress) add(n int) {
	if p != nil {
		_ = p.bar.Add(n)
	}
}

func (p *progress) set(n int64) {
	if p != nil {
		_ = p.bar.Set64(n)
	}
}

// clear takes the bar off the screen until it is drawn again.
func (p *progress) clear() {
	if p != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) finish() {
	if p != nil {
		_ = p.bar.Finish()
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
