package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"

	"github.com/spf13/cobra"

	"dovetail/internal/cli"
	"dovetail/internal/explain"
	"dovetail/internal/message"
	"dovetail/sieve"
)

// tryOptions are the flags of `sieve test`.
type tryOptions struct {
	user, sender, rcpt, format string
	trace, global              bool
}

func newSieveTest(flags *cli.Flags) *cobra.Command {
	o := tryOptions{}
	cmd := &cobra.Command{
		Use:   "test SCRIPT MESSAGE",
		Short: "Show what a script does with a message",
		Long: `Run a script over a message and show what it asks for. Nothing is stored, sent
or piped, and no program is run. MESSAGE may be "-" for standard input.

Exit status: 0, 1 when the script does not compile or ends with an error, 66
when a file cannot be read, 78 when the configuration is broken.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			engine, err := cli.Engine(c)
			if err != nil {
				return err
			}
			src, err := os.ReadFile(args[0])
			if err != nil {
				return noInput(err)
			}
			m, err := readMessage(cli.Stdin(cmd), args[1])
			if err != nil {
				return noInput(err)
			}
			program, findings := engine.CompileFrom(args[0], src, o.global,
				sieve.Folders{Personal: filepath.Dir(args[0]), Global: c.Sieve.GlobalFolder()})
			if findings.HasErrors() {
				return failed(findings)
			}
			return o.run(cmd, program, m, c.Sieve.UserEmail)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.user, "user", "u", "", "name of the mail user (default: who calls)")
	f.StringVarP(&o.sender, "from", "f", "", "envelope sender (default: the message's Return-Path, Sender or From)")
	f.StringVarP(&o.rcpt, "rcpt", "r", "", "envelope recipient (default: the message's Envelope-To or To)")
	cli.Choice(f, &o.format, "format", "text, or json for one object", "text", "json")
	f.BoolVar(&o.trace, "trace", false, "print every step to standard error")
	f.BoolVar(&o.global, "global", false, "allow what only the site's scripts may use")
	return cmd
}

func (o *tryOptions) run(cmd *cobra.Command, p *sieve.Program, m *message.Message, email string) error {
	if o.user == "" {
		if me, err := user.Current(); err == nil {
			o.user = me.Username
		}
	}
	env := &sieve.Env{
		Envelope: &message.Envelope{
			From: orField(o.sender, m, "Return-Path", "Sender", "From"),
			To:   orField(o.rcpt, m, "Envelope-To", "To"),
		},
		User: o.user, UserEmail: email,
	}
	env.Envelope.OrigTo = env.Envelope.To
	tracer := explain.NewTracer(cmd.ErrOrStderr())
	if o.trace {
		env.Trace = tracer.Trace
	}
	res := p.Run(cmd.Context(), m, env)
	if err := tracer.Err(); err != nil {
		return err
	}
	if err := writeReport(cmd.OutOrStdout(), o.format, m, res); err != nil {
		return err
	}
	if res.Err != nil {
		return failed(res.Err)
	}
	return nil
}

func writeReport(w io.Writer, format string, m *message.Message, res *sieve.Result) error {
	rep := explain.NewReport(m, res)
	if format != "json" {
		return explain.WriteReport(w, rep, res)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(rep)
}

// orField gives value, or the first address in the first of the fields that has one.
func orField(value string, m *message.Message, names ...string) string {
	if value != "" {
		return value
	}
	for _, name := range names {
		for f := range m.Header(name) {
			for _, a := range message.ParseAddresses(f.Value()) {
				if a.IsMailbox() {
					return a.String()
				}
			}
		}
	}
	return ""
}

// maxMessage bounds a message that is read into memory, in bytes.
const maxMessage = 256 << 20

// readMessage reads a message from a file, or standard input for "-".
func readMessage(stdin io.Reader, name string) (*message.Message, error) {
	r := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxMessage+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxMessage {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxMessage)
	}
	return message.Parse(raw), nil
}
