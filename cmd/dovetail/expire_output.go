package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"dovetail/expire/policy"
	"dovetail/internal/cli"
)

// expirer expires mail, and collects what it did.
type expirer struct {
	options *expireOptions
	sweep   *sweep
	planner *policy.Planner
	turns   *turns // nil in a dry run, and where there is no place for them

	mu     sync.Mutex
	report policy.Report
	ended  bool // what comes in after that, of a user that was given up, comes too late
}

// take takes in the report of a user.
func (e *expirer) take(u policy.UserReport) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ended {
		e.report.Users = append(e.report.Users, u)
	}
}

// end prints the report.
func (e *expirer) end(cmd *cobra.Command) error {
	e.mu.Lock()
	e.ended = true
	e.mu.Unlock()
	r := &e.report
	r.Ended, r.Stopped = time.Now(), e.sweep.stopped
	slices.SortFunc(r.Users, func(a, b policy.UserReport) int { return strings.Compare(a.User, b.User) })
	if e.options.format == "json" {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	}
	if e.options.dryRun || e.options.verbose {
		if err := printTable(cmd.OutOrStdout(), r); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), summary(r))
	return err
}

// printTable prints a line for each rule that did something in a mailbox.
func printTable(w io.Writer, r *policy.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	titled := false
	for _, u := range r.Users {
		for _, f := range u.Folders {
			for _, rule := range f.Rules {
				if rule.Messages == 0 {
					continue
				}
				if !titled {
					titled = true
					fmt.Fprintln(t, "User\tMailbox\tRule\tAction\tMessages\tBytes\tOldest\tNewest\tClock")
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", cli.OneLine(u.User), cli.OneLine(f.Mailbox), cli.OneLine(rule.Rule), action(rule), rule.Messages, rule.Bytes,
					rule.Oldest.Local().Format(time.DateTime), rule.Newest.Local().Format(time.DateTime), rule.Clock)
			}
		}
	}
	return t.Flush()
}

func action(r policy.RuleReport) string {
	if r.To == "" {
		return string(r.Action)
	}
	return string(r.Action) + " to " + cli.OneLine(r.To)
}

// pasts are the actions when they are done, and what would be done.
var pasts = map[policy.Action]string{policy.Delete: "deleted", policy.Move: "moved", policy.Archived: "archived"}

// summary says in a line what was done.
func summary(r *policy.Report) string {
	var sums = map[policy.Action]*policy.Amount{}
	changed, kept := 0, 0
	for _, u := range r.Users {
		for _, f := range u.Folders {
			for _, rule := range f.Rules {
				if sums[rule.Action] == nil {
					sums[rule.Action] = &policy.Amount{}
				}
				sums[rule.Action].Messages += rule.Messages
				sums[rule.Action].Bytes += rule.Bytes
				changed += rule.Changed
				kept += rule.Kept
			}
		}
	}
	parts := []string{}
	for _, a := range []policy.Action{policy.Delete, policy.Move, policy.Archived} {
		if sum := sums[a]; sum != nil && sum.Messages > 0 {
			parts = append(parts, fmt.Sprintf("%d messages, %d bytes %s", sum.Messages, sum.Bytes, pasts[a]))
		}
	}
	text := cmp.Or(strings.Join(parts, "; "), "nothing to do")
	if changed > 0 {
		text += fmt.Sprintf("; %d stay, which somebody changed", changed)
	}
	if kept > 0 {
		text += fmt.Sprintf("; %d stay by a limit", kept)
	}
	if r.DryRun {
		text = "Nothing was changed, as -n was given. It would be: " + text
	}
	return fmt.Sprintf("%d users: %s", len(r.Users), text)
}
