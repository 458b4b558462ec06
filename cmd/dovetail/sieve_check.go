package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dovetail/internal/cli"
	"dovetail/internal/mailerr"
	"dovetail/sieve"
)

func newSieveCheck(flags *cli.Flags) *cobra.Command {
	var global bool
	cmd := &cobra.Command{
		Use:   "check FILE|DIR...",
		Short: "Compile scripts and print every error",
		Long: `Compile scripts and print every finding as FILE:LINE:COLUMN: error: TEXT. Of a
directory all *.sieve files below it are compiled. A script that another one
includes is looked for in its folder, or with :global in sieve_global.

Exit status: 0, 1 when a script has an error, 66 when one cannot be read, 78
when the configuration is broken.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			engine, err := cli.Engine(c)
			if err != nil {
				return err
			}
			files, err := scriptFiles(args)
			if err != nil {
				return noInput(err)
			}
			broken := 0
			for _, file := range files {
				ok, err := checkScript(cmd.OutOrStdout(), engine, file, global, c.Sieve.GlobalFolder())
				if err != nil {
					return noInput(err)
				}
				if !ok {
					broken++
				}
			}
			if broken > 0 {
				return failed(fmt.Errorf("%d of %d scripts have errors", broken, len(files)))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&global, "global", false, "allow what only the site's scripts may use (sieve_global_extensions)")
	return cmd
}

// scriptFiles gives the files that arguments stand for.
func scriptFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		err := filepath.WalkDir(arg, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && (path == arg || strings.HasSuffix(path, ".sieve")) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// checkScript prints the findings about one script; ok says that it compiles.
func checkScript(w io.Writer, engine *sieve.Engine, file string, global bool, globalFolder string) (ok bool, err error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	_, findings := engine.CompileFrom(file, src, global, sieve.Folders{Personal: filepath.Dir(file), Global: globalFolder})
	for _, f := range findings {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return false, err
		}
	}
	return !findings.HasErrors(), nil
}

// exNoInput is the sysexits status for input that cannot be read.
const exNoInput = 66

func noInput(err error) error { return exit(err, exNoInput) }

// failed marks an error that says that what was asked about is not as it should be.
func failed(err error) error { return exit(err, 1) }

func exit(err error, status int) error {
	e := mailerr.Perm(err, err.Error())
	e.Exit = status
	return e
}
