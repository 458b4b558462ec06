// Dovetail-lmtpd is the LMTP server: it takes mail from the MTA, runs the site's
// and the users' Sieve scripts over it, and stores it in Maildirs.
package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/tuning"
)

const name = "dovetail-lmtpd"

// listenFlag is the origin of addresses given by --listen.
const listenFlag = "flag --listen"

func main() {
	flags := &cli.Flags{}
	var listen []string
	var inetd bool
	cmd := &cobra.Command{
		Use:   name,
		Short: "Serve LMTP: deliver mail into Maildir, with Sieve",
		Long: `Serve LMTP on the sockets that systemd passes, else on those of --listen or
[lmtp] listen. SIGTERM ends the server when the deliveries under way have ended.
SIGHUP reads configuration and scripts again; while one is broken, all stays as
it was, and the log says why.

Exit status: 0 ended by a signal, 64 wrong usage, 75 cannot serve, 78 broken
configuration.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &daemon{
				load: func() (*config.Config, error) {
					if len(listen) == 0 {
						return flags.Load()
					}
					return flags.Load(config.Override{Key: "lmtp.listen", Values: listen, Origin: listenFlag})
				},
				logger: func(c config.Log) (*slog.Logger, io.Closer, error) {
					if inetd && isClient() {
						return setup.SystemLogger(c, name)
					}
					return cli.Logger(c, os.Stderr)
				},
			}
			defer d.memory.Close()
			tuning.Server()
			if err := d.start(); err != nil {
				return err
			}
			if inetd {
				return d.serveInput(cmd.Context())
			}
			return d.serve(cmd.Context())
		},
	}
	flags.Add(cmd)
	cmd.Flags().StringArrayVar(&listen, "listen", nil, "listen on `ADDR`, unix:PATH or tcp:HOST:PORT; can be given several times")
	cmd.Flags().BoolVar(&inetd, "inetd", false, "serve one session on standard input and output")
	cli.Main(cmd)
}
