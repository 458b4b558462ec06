// Dovetail-learnd brings lessons from the queue to the spam filters, and takes
// them from Dovecot over sockets.
package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"dovetail/internal/cli"
	"dovetail/internal/config"
)

const name = "dovetail-learnd"

func main() {
	flags := &cli.Flags{}
	var once bool
	cmd := &cobra.Command{
		Use:   name,
		Short: "Have spam filters learn what users said of their mail",
		Long: `Bring lessons from the queue ([learn] queue_dir) to the back ends ([learn]
backends), and serve the sockets learn-spam and learn-ham, also under the names
sa-learn-spam.sh and sa-learn-ham.sh, in [learn] socket_dirs for Sieve's pipe and
execute. With [learn] watch_interval it looks at the folders of all users, too, and
teaches what came into and left their junk folders. SIGTERM ends it: lessons under
way are finished or stay in the queue. SIGHUP reads the configuration again; while it
is broken, all stays as it was.

Exit status: 0 ended by a signal or, with --once, all is taught, 64 wrong usage,
75 another process drains the queue or, with --once, lessons are left, 78 broken
configuration.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &daemon{
				load:   func() (*config.Config, error) { return flags.Load() },
				logger: func(c config.Log) (*slog.Logger, io.Closer, error) { return cli.Logger(c, os.Stderr) },
			}
			defer d.memory.Close()
			if err := d.start(cmd.Context()); err != nil {
				return err
			}
			if once {
				return d.once(cmd.Context())
			}
			return d.serve(cmd.Context())
		},
	}
	flags.Add(cmd)
	cmd.Flags().BoolVar(&once, "once", false, "teach what is in the queue and end")
	cli.Main(cmd)
}
