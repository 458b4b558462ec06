package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/mailerr"
)

func newConfigCommand(flags *cli.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show and check the configuration",
	}
	cmd.AddCommand(newConfigShow(flags), newConfigCheck(flags))
	return cmd
}

func newConfigShow(flags *cli.Flags) *cobra.Command {
	var format string
	var changed bool
	cmd := &cobra.Command{
		Use:   "show [KEY...]",
		Short: "Print the effective settings and where each comes from",
		Long: `Print the effective settings, each with the file and line, the flag, or the
default that it comes from. KEY is the name of a setting (lmtp.listen) or of a
table (lmtp); without any all are printed. The output is a valid configuration.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			settings, err := choose(c.Settings(), args)
			if err != nil {
				return err
			}
			if changed {
				settings = slices.DeleteFunc(settings, func(s config.Setting) bool { return s.Origin == "default" })
			}
			if format == "json" {
				return writeJSONLines(cmd.OutOrStdout(), settings)
			}
			return config.Write(cmd.OutOrStdout(), settings)
		},
	}
	cli.Choice(cmd.Flags(), &format, "format", "toml, or json for one object per line", "toml", "json")
	cmd.Flags().BoolVarP(&changed, "changed", "n", false, "only settings that are not at their default")
	return cmd
}

// choose gives the settings that names ask for.
func choose(all []config.Setting, names []string) ([]config.Setting, error) {
	if len(names) == 0 {
		return all, nil
	}
	found := make(map[string]bool)
	var chosen []config.Setting
	for _, s := range all {
		asked := false
		for _, name := range names {
			if s.Key == name || strings.HasPrefix(s.Key, name+".") || strings.HasPrefix(s.Key, name+"[") {
				asked, found[name] = true, true
			}
		}
		if asked {
			chosen = append(chosen, s)
		}
	}
	for _, name := range names {
		if !found[name] {
			return nil, cli.Usage(fmt.Errorf("there is no setting %q", name))
		}
	}
	return chosen, nil
}

func writeJSONLines(w io.Writer, settings []config.Setting) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, s := range settings {
		if err := enc.Encode(s); err != nil {
			return err
		}
	}
	return nil
}

func newConfigCheck(flags *cli.Flags) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the configuration",
		Long: `Check the configuration, and build from it what the servers build. Every error
is printed with file, line and key, and so is what is doubtful. Exit status: 0, or 78 when there are errors.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			_, doubts, err := c.Policy(time.Now())
			if err := errors.Join(err, checkParts(c)); err != nil {
				e := mailerr.Temp(err, "Configuration error")
				e.Exit = mailerr.ExConfig
				return e
			}
			for _, doubt := range doubts {
				fmt.Fprintf(cmd.ErrOrStderr(), "dovetail: warning: %s\n", doubt)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "The configuration is valid.")
			return err
		},
	}
}

// checkParts finds what only the parts themselves know to be wrong.
func checkParts(c *config.Config) error {
	_, userErr := cli.Resolver(c, "lmtp")
	_, storeErr := cli.Stores(c, nil, nil)
	_, sieveErr := cli.Engine(c)
	return errors.Join(userErr, storeErr, sieveErr)
}
