package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

const (
	// rulesName is the name of the case for -case.
	rulesName = "rules"
	// rulesConns is the number of connections.
	rulesConns = 8
	// rulesAge is how old scripts are before they are measured: a file changed just
	// now is read again by each delivery, since its times prove nothing yet.
	rulesAge = 3 * time.Second
)

// measureRules compares deliveries by a script of one rule and by one of 1,000,
// of which the last matches: both file the message into the same folder. Every
// user has an own script that differs from all others.
func measureRules(ctx context.Context, t *benchT, w io.Writer, o options) error {
	short := benchCase{oneRule, 4 << 10, rulesConns, 1, 3000}
	long := short
	long.scripts = manyRules
	if o.short {
		short.messages, long.messages = 300, 300
	}
	rates := map[string][2][]float64{}
	for range o.runs {
		for _, target := range o.targets {
			both := rates[target.name()]
			for i, c := range []benchCase{short, long} {
				r, err := measureOnce(ctx, t, c, target)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", target.name(), scriptNames[c.scripts], err)
				}
				both[i] = append(both[i], r.perSecond)
			}
			rates[target.name()] = both
		}
	}
	fmt.Fprintf(w, "rules: deliveries per second by the users' own scripts, %d users, %d conns\n", users, rulesConns)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\t1 rule\t%d rules\tratio\t\n", compileRules)
	for _, target := range o.targets {
		both := rates[target.name()]
		one, many := middle(both[0]), middle(both[1])
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.2f\t\n", target.name(), one, many, many/one)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

// ruleScript is a user's script of n rules; the last one is about the messages
// that are sent.
func ruleScript(user string, n int) string {
	return fmt.Sprintf("# of %s\n%sif address :is \"from\" \"sender@example.net\" { fileinto \"Filed\"; stop; }\n",
		user, ruleList(n-1))
}
