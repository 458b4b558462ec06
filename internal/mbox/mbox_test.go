package mbox_test

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mbox"
)

var update = flag.Bool("update", false, "write the golden files")

// render reads a text and shows all of it.
func render(t *testing.T, text []byte, o mbox.Options) string {
	t.Helper()
	var b strings.Builder
	r := mbox.NewReader(bytes.NewReader(text), int64(len(text)), o)
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		begin, end := m.Span()
		date := "no date"
		if !m.Received.IsZero() {
			date = m.Received.Format(time.RFC3339)
		}
		fmt.Fprintf(&b, "%d. line %d, bytes %d to %d, %q, %s, by length %v, lines in the text %d\n", m.Number, m.Line, begin, end, m.Sender, date, m.ByLength, m.Quoted)
		for _, f := range m.Findings {
			fmt.Fprintf(&b, "  %s, damaged %v\n", f, f.Damaged)
		}
		got, err := io.ReadAll(m.Open())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.SplitAfter(string(got), "\n") {
			fmt.Fprintf(&b, "    %q\n", l)
		}
	}
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file    string
		variant mbox.Variant
	}{
		{"mboxo", ""}, {"mboxo", mbox.MboxO}, {"mboxrd", ""}, {"mboxrd", mbox.MboxRD}, {"mboxcl2", ""},
		{"mboxcl2", mbox.MboxCL2}, {"mboxcl2", mbox.MboxCL}, {"mboxcl2", mbox.MboxRD}, {"damaged", ""},
	} {
		name := c.file + "-" + string(cmp.Or(c.variant, mbox.Auto))
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/" + c.file)
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, text, mbox.Options{Variant: c.variant, Location: time.UTC})
			golden := "testdata/" + name + ".want"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swanted\n%s", got, want)
			}
		})
	}
}

func TestDates(t *testing.T) {
	local := time.FixedZone("", 3*3600)
	for line, want := range map[string]string{
		"From a Sat Nov 21 08:00:00 2026":                                 "2026-11-21T08:00:00+03:00",
		"From a Sat Nov  1 08:00 2026":                                    "2026-11-01T08:00:00+03:00",
		"From a Sat Nov 21 08:00:00 UTC 2026":                             "2026-11-21T08:00:00Z",
		"From a Sat Nov 21 08:00:00 EST 2026":                             "2026-11-21T08:00:00-05:00",
		"From a Sat Nov 21 08:00:00 MET DST 2026":                         "2026-11-21T08:00:00+03:00",
		"From a Sat Nov 21 08:00:00 2026 -0330":                           "2026-11-21T08:00:00-03:30",
		"From a Sat Nov 21 08:00:00 +0000 2026":                           "2026-11-21T08:00:00Z",
		"From a Sat, 21 Nov 2026 08:00:00 +0200":                          "2026-11-21T08:00:00+02:00",
		"From Sat Mon Nov 21 08:00:00 2026":                               "2026-11-21T08:00:00+03:00",
		"From Sat Nov 21 08:00:00 2026":                                   "2026-11-21T08:00:00+03:00",
		"From a Sat Nov 31 08:00:00 2026":                                 "",
		"From a Sat Nov 21 25:00:00 2026":                                 "",
		"From a Sat Nov 21 08:00:00 26":                                   "",
		"From a Sat Nov 21":                                               "",
		"From a Sat, 21 Nov":                                              "",
		"From a 2026-11-21 08:00:00":                                      "",
		"From " + strings.Repeat("a", 1000) + " Sat Nov 21 08:00:00 2026": "",
	} {
		text := line + "\nA: b\n\n"
		m, err := mbox.NewReader(strings.NewReader(text), int64(len(text)), mbox.Options{Location: local}).Next()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if !m.Received.IsZero() {
			got = m.Received.Format(time.RFC3339)
		}
		if got != want || m.Received.IsZero() != (len(m.Findings) == 1) {
			t.Errorf("%.60s: %q, %v; wanted %q", line, got, m.Findings, want)
		}
	}
}

func TestNoMbox(t *testing.T) {
	for text, want := range map[string]error{
		"":                             io.EOF,
		"\n\n\n":                       io.EOF,
		"Subject: x\n\nText\n\n\n":     mbox.ErrNoMbox,
		"From the desk of\nsomebody\n": mbox.ErrNoMbox,
		"\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 100000): mbox.ErrNoMbox,
	} {
		_, err := mbox.NewReader(strings.NewReader(text), int64(len(text)), mbox.Options{}).Next()
		if !errors.Is(err, want) {
			t.Errorf("%.40q: %v, wanted %v", text, err, want)
		}
	}
}

// broken is a file with a bad sector.
type broken struct{ io.ReaderAt }

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 100000 {
		return 0, errors.New("bad sector")
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestReadError(t *testing.T) {
	text := strings.Repeat("From a Sat Nov 21 08:00:00 2026\nA: b\n\nText\n\n", 5000)
	r := mbox.NewReader(broken{strings.NewReader(text)}, int64(len(text)), mbox.Options{})
	for n := 0; ; n++ {
		_, err := r.Next()
		if err == nil {
			continue
		}
		if n == 0 || !strings.Contains(err.Error(), "bad sector") || !strings.Contains(err.Error(), "at byte") {
			t.Errorf("%d messages, %v", n, err)
		}
		return
	}
}
