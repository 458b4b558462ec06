// Package report writes the report of an expiry run as a page for a browser.
//
// The page is one file: no script, nothing from elsewhere, and what mailboxes and users
// are called cannot become part of it. It has, in this order, what went wrong, what was
// done in sum, a picture of the mailboxes by size and age before and after, what each
// rule did, and what was done for each user. Mailboxes of one name are summed up over
// the users. Long lists are cut, and say so.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"dovetail/expire/policy"
)

//go:embed page.html
var pageText string

// Write writes the page.
func Write(w io.Writer, r *policy.Report) error {
	page, err := template.New("page").Funcs(template.FuncMap{
		"name": name, "bytes": bytes, "count": count, "when": when,
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("the report's page: %w", err)
	}
	if err := page.Execute(w, newView(r)); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// name makes a name printable: what steers a terminal or turns the direction of writing
// around is shown as such.
func name(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// bytes writes a size for people.
func bytes(n int64) string {
	if n < 0 { // never, and not to be hidden
		return strconv.FormatInt(n, 10) + " bytes"
	}
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + " B"
	}
	size, unit := float64(n)/(1<<10), 0
	for size >= 1023.95 && unit < len("KMGTPE")-1 {
		size /= 1 << 10
		unit++
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " " + "KMGTPE"[unit:unit+1] + "iB"
}

// count writes a number with its thousands apart.
func count(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// when writes a day; nothing for none.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}
