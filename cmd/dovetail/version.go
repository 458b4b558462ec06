package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"dovetail/internal/cli"
)

func newVersionCommand(*cli.Flags) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "dovetail %s (%s %s/%s)\n", cli.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
