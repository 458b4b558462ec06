package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/delivery"
	"dovetail/internal/explain"
	"dovetail/internal/message"
)

func newSieveExplain(flags *cli.Flags) *cobra.Command {
	var address, sender, format string
	cmd := &cobra.Command{
		Use:   "explain -u USER MESSAGE",
		Short: "Show, test by test, where a user's mail would end up and why",
		Long: `Run the whole chain of scripts over a message as a delivery to USER (an address
or a name) would: the site's, the user's, the site's after it. Each test is
shown with the values that decided it, each action with its place, and at the
end what becomes of the message. Nothing is stored, sent or piped; programs of
filter and execute do run. MESSAGE may be "-" for standard input.

Exit status: 0, 1 when a script does not compile or ends with an error, 66 when
the message cannot be read, 67 no such user, 75 temporary failure, 78 broken
configuration.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if address == "" {
				return cli.Usage(errors.New("flag --user is needed: whose mail is it?"))
			}
			c, err := flags.Load()
			if err != nil {
				return err
			}
			d, err := setup.Delivery(c, "lmtp", nil, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
			if err != nil {
				return err
			}
			m, err := readMessage(cli.Stdin(cmd), args[0])
			if err != nil {
				return noInput(err)
			}
			return runExplain(cmd, d, m, address, orField(sender, m, "Return-Path", "Sender", "From"), format)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&address, "user", "u", "", "recipient: an address or a user's name")
	f.StringVarP(&sender, "from", "f", "", "envelope sender (default: the message's Return-Path, Sender or From)")
	cli.Choice(f, &format, "format", "text, or json for one object without the steps", "text", "json")
	return cmd
}

func runExplain(cmd *cobra.Command, d *delivery.Deliverer, m *message.Message, address, sender, format string) error {
	out := cmd.OutOrStdout()
	r, err := d.Accept(cmd.Context(), address, "", 0)
	if err != nil {
		return err
	}
	tracer := explain.NewTracer(out)
	var trace delivery.Trace
	if format == "text" {
		trace = tracer.Trace
	}
	tx := &delivery.Transaction{From: sender, Recipients: []*delivery.Recipient{r}, Message: m}
	res, chain, err := d.Explain(cmd.Context(), tx, r, trace)
	if err != nil {
		return err
	}
	if err := tracer.Err(); err != nil {
		return err
	}
	if err := writeReport(out, format, m, res); err != nil {
		return err
	}
	if chain.Broken != nil {
		return failed(fmt.Errorf("the user's script cannot run, so the message is kept: %w", chain.Broken))
	}
	if res.Err != nil {
		return failed(res.Err)
	}
	return nil
}
