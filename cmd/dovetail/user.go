package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/userdb"
)

func newUserCommand(flags *cli.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Ask about users",
	}
	cmd.AddCommand(newUserTest(flags))
	return cmd
}

func newUserTest(flags *cli.Flags) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "test ADDRESS",
		Short: "Show how an address is led to its user, step by step",
		Long: `Show every step from an address to its user: what auth_username_format makes
of it, where recipient_delimiter splits it, each look-up with its answer, the
home, the mail location, and the chain of Sieve scripts.

Exit status: 0 when the address has a user, 67 when it definitely has none, 75
when that could not be found out, 78 when the configuration is broken.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			resolver, err := cli.Resolver(c, "lmtp")
			if err != nil {
				return err
			}
			rcpt, err := resolver.Resolve(cmd.Context(), args[0])
			report := newUserReport(c, rcpt, err)
			write := report.text
			if format == "json" {
				write = report.json
			}
			if writeErr := write(cmd.OutOrStdout()); writeErr != nil {
				return writeErr
			}
			return err
		},
	}
	cli.Choice(cmd.Flags(), &format, "format", "text, or json for one object", "text", "json")
	return cmd
}

// userReport is what `user test` prints.
type userReport struct {
	Address  string        `json:"address"`
	User     string        `json:"user"`
	UID      uint32        `json:"uid"`
	GID      uint32        `json:"gid"`
	Home     string        `json:"home"`
	Detail   string        `json:"detail"`
	Location string        `json:"mail_location"`
	Scripts  []string      `json:"scripts"`
	Steps    []userdb.Step `json:"steps"`
	Error    string        `json:"error"`
}

func newUserReport(c *config.Config, rcpt *userdb.Recipient, err error) *userReport {
	r := &userReport{Address: rcpt.Address, Detail: rcpt.Detail, Location: rcpt.Location, Steps: rcpt.Steps, Scripts: []string{}}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	u := rcpt.User
	r.User, r.UID, r.GID, r.Home = u.Name, u.UID, u.GID, u.Home
	if l, err := cli.Location(u, rcpt.Location); err != nil {
		r.Steps = append(r.Steps, userdb.Step{What: "mail location", Value: err.Error()})
	} else {
		r.Steps = append(r.Steps, userdb.Step{What: "mail directory", Value: fmt.Sprintf("%s, layout %s", inHome(l.Root, u.Home), l.Layout)})
	}
	for _, s := range scriptChain(c, u) {
		r.Scripts = append(r.Scripts, s.path)
		r.Steps = append(r.Steps, userdb.Step{What: s.what, Value: s.path + s.state})
	}
	if len(r.Scripts) == 0 {
		r.Steps = append(r.Steps, userdb.Step{What: "scripts", Value: "none"})
	}
	return r
}

func (r *userReport) text(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range r.Steps {
		fmt.Fprintf(tab, "%s\t%s\n", s.What, strings.ReplaceAll(s.Value, "\t", " "))
	}
	return tab.Flush()
}

func (r *userReport) json(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// chainLink is one script of the chain.
type chainLink struct{ what, path, state string }

// scriptChain lists the scripts that would run for a user, in their order.
func scriptChain(c *config.Config, u *userdb.User) []chainLink {
	if !c.Sieve.Enabled {
		return nil
	}
	var chain []chainLink
	for _, path := range config.ScriptPaths(c.Sieve.Before) {
		chain = append(chain, siteScripts("sieve_before", path)...)
	}
	if path := cli.UserScript(c)(u); path != "" {
		own := chainLink{"sieve", path, stateOf(path)}
		chain = append(chain, own)
		if fallback, err := config.ScriptPath(c.Sieve.Default); err == nil && fallback != "" && own.state != "" {
			chain = append(chain, chainLink{"sieve_default", fallback, stateOf(fallback)})
		}
	}
	for _, path := range config.ScriptPaths(c.Sieve.After) {
		chain = append(chain, siteScripts("sieve_after", path)...)
	}
	if path, err := config.ScriptPath(c.Sieve.Discard); err == nil && path != "" {
		chain = append(chain, chainLink{"sieve_discard", path, stateOf(path)})
	}
	return chain
}

// siteScripts lists a script, or those in a directory in the order of their names.
func siteScripts(what, path string) []chainLink {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return []chainLink{{what, path, stateOf(path)}}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return []chainLink{{what, path, " (" + err.Error() + ")"}}
	}
	var links []chainLink
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".sieve") {
			script := filepath.Join(path, e.Name())
			links = append(links, chainLink{what, script, stateOf(script)})
		}
	}
	if len(links) == 0 {
		return []chainLink{{what, path, " (no scripts in it)"}}
	}
	return links
}

// stateOf tells why a script cannot run, "" when it can be read.
func stateOf(path string) string {
	f, err := os.Open(path)
	switch {
	case os.IsNotExist(err):
		return " (missing)"
	case err != nil:
		return " (" + err.Error() + ")"
	}
	f.Close()
	return ""
}

func inHome(path, home string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(home, rest)
	}
	return path
}
