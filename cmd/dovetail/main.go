// Dovetail is the operator's command: it shows and checks the configuration and
// explains what becomes of addresses, scripts and mail.
package main

import (
	"github.com/spf13/cobra"

	"dovetail/internal/cli"
)

func main() {
	flags := &cli.Flags{}
	root := &cobra.Command{
		Use:   "dovetail",
		Short: "Deliver mail into Maildir, with Sieve, beside Dovecot",
		Long: `dovetail is the operator's command for dovetail-lmtpd and dovetail-lda.

Exit status: 0 done, 1 what was checked has errors, 64 wrong usage, 67 no such user, 75 temporary failure
(try again), 78 broken configuration.`,
	}
	flags.Add(root)
	for _, newCommand := range commands {
		root.AddCommand(newCommand(flags))
	}
	cli.Main(root)
}

// commands are the subcommands, one file each.
var commands = []func(*cli.Flags) *cobra.Command{
	newConfigCommand,
	newDemoCommand,
	newExpireCommand,
	newExpungeCommand,
	newImportCommand,
	newLearnCommand,
	newSearchCommand,
	newSieveCommand,
	newUserCommand,
	newVersionCommand,
}
