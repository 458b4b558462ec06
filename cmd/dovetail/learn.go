package main

import (
	"github.com/spf13/cobra"

	"dovetail/internal/cli"
)

func newLearnCommand(flags *cli.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "learn",
		Short: "Teach spam filters, and ask what would be taught",
	}
	cmd.AddCommand(newLearnBulk(flags), newLearnQueue(flags), newLearnSelftest(flags), newLearnSimulate(flags), newLearnStatus(flags))
	return cmd
}
