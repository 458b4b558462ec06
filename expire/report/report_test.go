package report_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"dovetail/expire/policy"
	"dovetail/expire/report"
)

// hostile are names that want to be something else.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title><svg onload=alert(1)>`, "a\nb\x1b[31m\x00", "\u202egnp.exe", `{{.Users}}`, `--><!--`, `javascript:alert(1)`, strings.Repeat("long ", 200),
}

func page(t *testing.T, r *policy.Report) (*html.Node, string) {
	t.Helper()
	var b strings.Builder
	if err := report.Write(&b, r); err != nil {
		t.Fatal(err)
	}
	if file := os.Getenv("DOVETAIL_REPORT"); file != "" { // to look at
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := html.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return doc, b.String()
}

func all(n *html.Node, tag string) (found []*html.Node) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == tag {
			found = append(found, d)
		}
	}
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func section(t *testing.T, doc *html.Node, id string) *html.Node {
	t.Helper()
	for _, s := range all(doc, "section") {
		if attr(s, "id") == id {
			return s
		}
	}
	t.Fatalf("there is no section %s", id)
	return nil
}

// sample is a report with two mailboxes for each of some users.
func sample(users, folders int, names ...string) *policy.Report {
	start := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	r := &policy.Report{Started: start, Ended: start.Add(83 * time.Second)}
	for u := range users {
		user := policy.UserReport{User: fmt.Sprintf("user%d", u), OptOut: u == 2 || u > 100}
		for f := range folders {
			name := fmt.Sprintf("Folder %d", f)
			if f < len(names) {
				name = names[f]
			}
			var before, after policy.Histogram
			for i := range policy.Buckets {
				before[i] = policy.Amount{Messages: 10, Bytes: int64(folders-f) << 20}
				after[i] = before[i]
			}
			after[policy.Buckets-1] = policy.Amount{}
			user.Folders = append(user.Folders, policy.FolderReport{
				Mailbox: name, Total: before.Total(), Before: before, After: after,
				Rules: []policy.RuleReport{
					{Rule: "old " + name, Action: policy.Delete, Clock: "received", Amount: before[5], Oldest: start.AddDate(-4, 0, u), Newest: start.AddDate(-2, 0, u), Changed: 1, Kept: 2},
					{Rule: "nothing", Action: policy.Move, To: "Trash", Clock: "saved"},
				},
			})
		}
		r.Users = append(r.Users, user)
	}
	return r
}

// Names of any kind are text and nothing else, and nothing is fetched from anywhere.
func TestHostileNames(t *testing.T) {
	r := sample(2, len(hostile), hostile...)
	for i, name := range hostile {
		r.Errors = append(r.Errors, name)
		r.Users = append(r.Users, policy.UserReport{User: name, OptOut: true, Errors: []string{name},
			Folders: []policy.FolderReport{{Mailbox: name, Errors: []string{name}, Rules: []policy.RuleReport{{Rule: name, To: name, Action: policy.Move, Clock: "sent", Amount: policy.Amount{Messages: 1, Bytes: int64(i)}}}}}})
	}
	doc, source := page(t, r)
	for d := range doc.Descendants() {
		if d.Type != html.ElementNode {
			continue
		}
		if slices.Contains([]string{"script", "img", "link", "iframe", "object", "embed", "a", "base", "form", "foreignobject"}, strings.ToLower(d.Data)) {
			t.Errorf("there is an element %s", d.Data)
		}
		for _, a := range d.Attr {
			if strings.HasPrefix(a.Key, "on") || slices.Contains([]string{"src", "href", "style"}, a.Key) {
				t.Errorf("%s has %s=%q", d.Data, a.Key, a.Val)
			}
		}
	}
	for _, bad := range []string{"\u202e", "\x1b", "url(", "@import", "http:"} {
		if strings.Contains(source, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	shown := text(doc)
	for _, name := range []string{hostile[0], hostile[1], hostile[2], hostile[5], "a\ufffdb\ufffd[31m\ufffd", "\ufffdgnp.exe"} {
		if n := strings.Count(shown, name); n < 5 {
			t.Errorf("%q is shown %d times", name, n)
		}
	}
}

// The bars have the sizes of the mail: before and after, by age, on one scale.
func TestPicture(t *testing.T) {
	doc, _ := page(t, sample(3, 4))
	var bars [][]float64
	for _, svg := range all(section(t, doc, "folders"), "svg") {
		if attr(svg, "role") != "img" {
			continue
		}
		var widths []float64
		end := 0.0
		for _, rect := range all(svg, "rect") {
			x, err1 := strconv.ParseFloat(attr(rect, "x"), 64)
			w, err2 := strconv.ParseFloat(attr(rect, "width"), 64)
			if err := errors.Join(err1, err2); err != nil || math.Abs(x-end) > 0.1 {
				t.Errorf("a part begins at %v, not at %v, %v", x, end, err)
			}
			end = x + w
			widths = append(widths, w)
		}
		bars = append(bars, widths)
	}
	if len(bars) != 8 {
		t.Fatalf("there are %d bars", len(bars))
	}
	for i, widths := range bars {
		size, parts := float64(4-i/2)/4*1000/6, 6-i%2
		if len(widths) != parts || math.Abs(widths[0]-size) > 0.1 || math.Abs(widths[parts-1]-size) > 0.1 {
			t.Errorf("bar %d has the parts %v, wanted %d of %.2f", i, widths, parts, size)
		}
	}
	if got := text(section(t, doc, "folders")); !strings.Contains(got, "whole width is 72.0 MiB") || !strings.Contains(got, "up to 2 years: 12.0 MiB, 30 messages") {
		t.Errorf("the picture says %q", got)
	}
}

// What went wrong comes first; sums, rules and users have their figures.
func TestFigures(t *testing.T) {
	r := sample(3, 2)
	r.Users[1].Errors = []string{"permission denied"}
	r.Users[1].Folders[0].Errors = []string{"a message cannot be read"}
	doc, _ := page(t, r)
	if first := all(doc, "section")[0]; attr(first, "id") != "errors" || !strings.Contains(text(first), "user1, Folder 0: a message cannot be read") || !strings.Contains(text(first), "user1: permission denied") {
		t.Errorf("the first section is %q", text(first))
	}
	for id, wants := range map[string][]string{
		"sums":  {"deleted9.0 MiB60 messages", "moved0 B", "mail before54.0 MiB360 messages", "left45.0 MiB300 messages"},
		"rules": {"old Folder 0deletereceived306.0 MiB32022-11-212024-11-2363", "nothingmove to Trashsaved00 B000"},
		"users": {"user0: 20 messages, 3.0 MiB"},
		"kept":  {"user2"},
	} {
		got := strings.ReplaceAll(text(section(t, doc, id)), "\n", "")
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in %q", id, want, got)
			}
		}
	}
	r.DryRun, r.Stopped = true, true
	doc, _ = page(t, r)
	for _, want := range []string{"a dry run: 21 November 2026", "Nothing was changed", "would be deleted", "took 1m23s", "It was stopped before"} {
		if !strings.Contains(text(doc), want) {
			t.Errorf("a dry run does not say %q", want)
		}
	}
}

// Nothing, and a lot, make a page too.
func TestSizes(t *testing.T) {
	doc, _ := page(t, &policy.Report{})
	if !strings.Contains(text(doc), "Nothing to do") {
		t.Error("an empty report does not say so")
	}
	r := sample(700, 40)
	for i := range 300 {
		r.Errors = append(r.Errors, fmt.Sprint("error ", i))
	}
	doc, source := page(t, r)
	for _, want := range []string{"25 other mailboxes", "and 100 more", "and 200 more users", "700 users", "deleted", "user599, and 100 more"} {
		if !strings.Contains(text(doc), want) {
			t.Errorf("a large report does not say %q", want)
		}
	}
	t.Logf("%d bytes", len(source))
}
