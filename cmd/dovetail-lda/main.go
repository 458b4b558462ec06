// Dovetail-lda delivers one message from standard input to one user, with the
// flags and exit statuses of dovecot-lda.
package main

import (
	"github.com/spf13/cobra"

	"dovetail/internal/cli"
)

const name = "dovetail-lda"

func main() { cli.Main(newCommand()) }

func newCommand() *cobra.Command {
	flags := &cli.Flags{}
	l := &lda{}
	cmd := &cobra.Command{
		Use:   name,
		Short: "Deliver one message from standard input into Maildir, with Sieve",
		Long: `Deliver the message on standard input to a user. Line ends may be LF or CRLF; an
mbox "From " line in front is taken off. The log goes to [log] file or to syslog;
standard error tells in one line why a message was not delivered. A user with a
detail (bob+lists) is found as by dovetail-lmtpd; dovecot-lda knows no such user.

Exit status: 0 delivered, 64 wrong usage, 67 no such user, 75 try again (a
folder that cannot be made, too), 77 rejected or over quota, 78 broken
configuration. Exim waits and tries again on those that its pipe transport's
temp_errors names: 64:75:78. Postfix does on 75 alone: run dovetail config check
before mail meets a new configuration.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			l.stdin, l.senderKnown = cli.Stdin(cmd), cmd.Flags().Changed("sender")
			return l.run(cmd.Context(), c)
		},
	}
	flags.Add(cmd)
	f := cmd.Flags()
	f.StringVarP(&l.user, "destination", "d", "", "deliver to `USER` (default: whoever runs the program)")
	f.StringVarP(&l.sender, "sender", "f", "", "envelope `SENDER` (default: that of the From line, else Return-Path)")
	f.StringVarP(&l.original, "original-recipient", "a", "", "original envelope recipient `ADDRESS`")
	f.StringVarP(&l.final, "final-recipient", "r", "", "final envelope recipient `ADDRESS` (default: USER)")
	f.StringVarP(&l.mailbox, "mailbox", "m", "", "keep mail in `MAILBOX` instead of INBOX")
	f.StringVarP(&l.path, "path", "p", "", "read the message from `FILE` instead of standard input")
	f.BoolVarP(&l.reject, "reject", "e", false, "end with status 77 for a rejected message, instead of sending a notification")
	f.BoolP("keep-environment", "k", false, "accepted for dovecot-lda's sake; programs always get a clean environment")
	return cmd
}
