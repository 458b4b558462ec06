package main

import (
	"github.com/spf13/cobra"

	"dovetail/internal/cli"
)

func newSieveCommand(flags *cli.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sieve",
		Short: "Check and try Sieve scripts",
	}
	cmd.AddCommand(newSieveCheck(flags), newSieveTest(flags), newSieveExplain(flags), newSieveFilter(flags), newSieveTestsuite(flags))
	return cmd
}
