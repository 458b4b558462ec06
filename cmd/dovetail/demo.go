package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"dovetail/internal/cli"
	"dovetail/internal/demo"
)

func newDemoCommand(*cli.Flags) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Deliver a few messages in a temporary folder and show where each ended up",
		Long: `Start dovetail-lmtpd (the one beside this program) in a temporary folder with the
scripts of a real site, send it a few messages by LMTP, and show for each where
it ended up and which line of which script decided. Needs no configuration.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			server := filepath.Join(filepath.Dir(self), "dovetail-lmtpd")
			return demo.Run(cmd.Context(), demo.Options{Server: server, Out: cmd.OutOrStdout()})
		},
	}
}
