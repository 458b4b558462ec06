// Package cli is what all our programs share: the flags for the configuration,
// the logger, exit statuses, and the parts that several of them build from a
// configuration. It and the programs are the only users of cobra.
//
// A program ends with a status of sysexits.h: 0, 64 for wrong usage, 78 for a
// broken configuration, else the one that internal/mailerr gives for its error,
// 75 when nobody classified it.
package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"dovetail/internal/config"
	"dovetail/internal/mailerr"
)

// Version is set when a release is linked.
var Version = "devel"

// Flags are the flags that every program has.
type Flags struct {
	config  string
	options []string
}

// Add defines the flags for cmd and all commands below it.
func (f *Flags) Add(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVarP(&f.config, "config", "c", "", "configuration `file` (default $"+config.EnvFile+", else "+config.DefaultFile+")")
	cmd.PersistentFlags().StringArrayVarP(&f.options, "option", "o", nil, "set a value over the configuration, as `key=value` (lmtp.recipient_limit=100)")
}

// Load reads the configuration. Overrides are those of the program's own flags;
// they win over --option.
func (f *Flags) Load(overrides ...config.Override) (*config.Config, error) {
	o := config.Options{File: f.config}
	seen := make(map[string]int)
	for _, option := range f.options {
		key, value, ok := strings.Cut(option, "=")
		if !ok {
			return nil, Usage(fmt.Errorf("flag --option %q: expected key=value", option))
		}
		if i, ok := seen[key]; ok { // once more: one more of a list
			o.Overrides[i].Values = append(o.Overrides[i].Values, value)
			continue
		}
		seen[key] = len(o.Overrides)
		o.Overrides = append(o.Overrides, config.Override{Key: key, Values: []string{value}, Origin: "flag --option"})
	}
	o.Overrides = append(o.Overrides, overrides...)
	return config.Load(o)
}

// Usage marks an error as one of the command line: status 64.
func Usage(err error) error {
	e := mailerr.Perm(err, "Usage error")
	e.Exit = mailerr.ExUsage
	return e
}

// Run runs a program and gives its exit status.
func Run(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	running := false
	root.PersistentPreRun = func(*cobra.Command, []string) { running = true }
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = Version
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return mailerr.ExOK
	}
	name := root.Name()
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "%s: %s\n", name, OneLine(strings.TrimSuffix(line, "\n")))
	}
	if !running { // it did not get beyond flags and arguments
		fmt.Fprintf(stderr, "Try '%s --help'.\n", cmd.CommandPath())
		return mailerr.ExUsage
	}
	return mailerr.ExitCode(err)
}

// OneLine makes a text fit for a line on a terminal, which what users and messages call
// themselves must not steer.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
