package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"dovetail/internal/cli"
	"dovetail/sieve/svtest"
)

func newSieveTestsuite(*cli.Flags) *cobra.Command {
	var expectFailure bool
	cmd := &cobra.Command{
		Use:   "testsuite FILE...",
		Short: "Run vnd.dovecot.testsuite files",
		Long: `Run files of Sieve tests, in the language of vnd.dovecot.testsuite. Prints a line
for each test, PASS FILE or FAIL FILE for each file, and the totals.

Exit status: 0, 1 when a file fails.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			_, bad, err := svtest.RunFiles(cmd.Context(), out, args, svtest.Options{ExpectFailure: expectFailure, Print: out})
			if err == nil && bad > 0 {
				err = failed(fmt.Errorf("%d of %d files failed", bad, len(args)))
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&expectFailure, "expect-failure", "F", false, "a file passes when every test of it fails")
	return cmd
}
