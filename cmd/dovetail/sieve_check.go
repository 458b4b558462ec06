package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/mailerr"
	"dovetail/sieve"
	"dovetail/sieve/lint"
)

// checkOptions are the flags of `sieve check`.
type checkOptions struct {
	lint.Options
	user, format string
	brief        bool
}

func newSieveCheck(flags *cli.Flags) *cobra.Command {
	o := checkOptions{}
	cmd := &cobra.Command{
		Use:   "check FILE|DIR...",
		Short: "Compile scripts and print every error and warning",
		Long: `Compile scripts and print every finding as FILE:LINE:COLUMN: error|warning: TEXT,
and below it, indented, the line of the script, a caret at the place, and how it
could be mended where that is known. Of a directory all *.sieve files below it
are compiled. A script that another one includes is looked for in its folder, or
with :global in sieve_global, and what is found in it is printed, too, once for
all that include it. Warnings tell of what compiles and may not do what was meant;
with -u also of mailboxes that the user does not have.

Exit status: 0 (also with warnings), 1 when a script has an error, 66 when one
cannot be read, 67 no such user, 78 when the configuration is broken.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			engine, err := cli.Engine(c)
			if err != nil {
				return err
			}
			if err := o.findMailboxes(cmd, c); err != nil {
				return err
			}
			return o.check(cmd.OutOrStdout(), engine, c.Sieve.GlobalFolder(), args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Global, "global", false, "allow what only the site's scripts may use (sieve_global_extensions)")
	f.StringVarP(&o.user, "user", "u", "", "look for the mailboxes of a user: a name or an address")
	f.BoolVar(&o.NoWarnings, "no-warnings", false, "print errors only")
	f.BoolVar(&o.brief, "brief", false, "print a line for each finding, without the script's line and hints")
	cli.Choice(f, &o.format, "format", "text, or json for an object per finding", "text", "json")
	return cmd
}

// findMailboxes lists the mailboxes of the user that was named.
func (o *checkOptions) findMailboxes(cmd *cobra.Command, c *config.Config) error {
	if o.user == "" {
		return nil
	}
	d, err := setup.Delivery(c, "doveadm", nil, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
	if err != nil {
		return err
	}
	r, err := d.Resident(cmd.Context(), o.user)
	if err != nil {
		return err
	}
	o.AutoCreate = c.Mail.Autocreate
	return r.Owner.Do(func() error {
		o.Mailboxes, err = r.Store.Mailboxes(context.WithoutCancel(cmd.Context()))
		return err
	})
}

// check checks the scripts that arguments stand for.
func (o *checkOptions) check(w io.Writer, engine *sieve.Engine, global string, args []string) error {
	files, err := scriptFiles(args)
	if err != nil {
		return noInput(err)
	}
	broken, told := 0, map[lint.Finding]bool{}
	for _, file := range files {
		read := sieve.ReadScript
		if slices.Contains(args, file) { // it may be a pipe of who calls
			read = os.ReadFile
		}
		src, err := read(file)
		if err != nil {
			return noInput(err)
		}
		o.Source = sieve.Folders{Personal: filepath.Dir(file), Global: global}
		if o.Global {
			o.Source = siteSource{o.Source}
		}
		findings := lint.Script(engine, file, src, o.Options)
		if err := o.write(w, news(findings, told)); err != nil {
			return err
		}
		if lint.HasErrors(findings) {
			broken++
		}
	}
	if broken > 0 {
		return failed(fmt.Errorf("%d of %d scripts have errors", broken, len(files)))
	}
	return nil
}

// news gives the findings that were not told before: those in a script that others
// include come with each of these.
func news(findings []lint.Finding, told map[lint.Finding]bool) []lint.Finding {
	var out []lint.Finding
	for _, f := range findings {
		key := f
		key.Script = filepath.Clean(f.Script)
		if !told[key] {
			told[key] = true
			out = append(out, f)
		}
	}
	return out
}

// siteSource is for scripts of the site: the personal ones that they include are
// each user's, and known when they run.
type siteSource struct{ sieve.Source }

// Script is sieve.Source's.
func (s siteSource) Script(at sieve.Location, name string) (file string, src []byte, err error) {
	file, src, err = s.Source.Script(at, name)
	if at == sieve.Personal && errors.Is(err, sieve.ErrNoScript) {
		err = sieve.ErrAtRun
	}
	return file, src, err
}

// finding is the object that --format json prints. Its keys are an interface.
type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"` // from 1; 0 where there is no place
	Column   int    `json:"column"`
	Severity string `json:"severity"` // error, warning
	Text     string `json:"text"`
	Rule     string `json:"rule"` // of a warning; empty for what the compiler says
	Hint     string `json:"hint"`
}

func (o *checkOptions) write(w io.Writer, findings []lint.Finding) error {
	var b bytes.Buffer
	for _, f := range findings {
		if o.format == "json" {
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(finding{f.Script, f.Pos.Line, f.Pos.Col, f.Severity.String(), f.Text, f.Rule, f.Hint}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(&b, f.Diagnostic)
		if !o.brief {
			writePlace(&b, f)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// maxShownLine bounds the part of a script's line that is shown, in bytes.
const maxShownLine = 160

// writePlace writes the line of a script with a caret below the place, and the
// hint. Tabs stay, so that the caret stands where it should.
func writePlace(b *bytes.Buffer, f lint.Finding) {
	line, col := strings.TrimRight(f.Line, "\r"), f.Pos.Col-1
	if col >= 0 && col <= len(line) && col < maxShownLine {
		line = strings.ToValidUTF8(line[:min(len(line), maxShownLine)], "?")
		fmt.Fprintf(b, "    %s\n    %s^\n", oneLineTabs(line), blank(line[:min(col, len(line))]))
	}
	if f.Hint != "" {
		fmt.Fprintf(b, "    hint: %s\n", f.Hint)
	}
}

// oneLineTabs is cli.OneLine with tabs left as they are.
func oneLineTabs(s string) string {
	parts := strings.Split(s, "\t")
	for i, part := range parts {
		parts[i] = cli.OneLine(part)
	}
	return strings.Join(parts, "\t")
}

// blank gives white space as wide as s.
func blank(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, s)
}

// scriptFiles gives the files that arguments stand for, each once.
func scriptFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		root := arg
		if info, err := os.Stat(arg); err == nil && info.IsDir() {
			root += "/" // where a link to a directory leads
		}
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && (path == arg || strings.HasSuffix(path, ".sieve")) && !slices.Contains(files, path) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if files == nil {
		return nil, errors.New("no script (*.sieve) there")
	}
	return files, nil
}

// exNoInput is the sysexits status for input that cannot be read.
const exNoInput = 66

func noInput(err error) error { return exit(err, exNoInput) }

// failed marks an error that says that what was asked about is not as it should be.
func failed(err error) error { return exit(err, 1) }

func exit(err error, status int) error {
	e := mailerr.Perm(err, err.Error())
	e.Exit = status
	return e
}
