package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailimport"
	"dovetail/internal/mbox"
)

// importOptions are the flags of `import mbox`.
type importOptions struct {
	user, mailbox, variant, zone, format string
	dryRun, verbose                      bool
}

func newImportCommand(flags *cli.Flags) *cobra.Command {
	cmd := &cobra.Command{Use: "import", Short: "Bring mail of other formats into the Maildir of a user"}
	cmd.AddCommand(newImportMbox(flags))
	return cmd
}

func newImportMbox(flags *cli.Flags) *cobra.Command {
	o := importOptions{}
	cmd := &cobra.Command{
		Use:   "mbox -u USER -m MAILBOX FILE...",
		Short: "Bring mbox files into a mailbox",
		Long: `Bring the messages of mbox files into a mailbox, which is made and subscribed to
where it is missing. Files may be compressed (gzip, bzip2, zstd); then the text goes
through a file in $TMPDIR. They are read with the caller's rights, so name none to root
that somebody could replace by a link to another one. Mail is written with the user's
rights, and the user's quota holds.

The received date is that of the From_ line, without one that of Received, Date or the
file. Status, X-Status and X-Keywords become flags and keywords. These fields, X-UID,
X-IMAP, X-IMAPbase and Content-Length are not stored, as Dovecot does not show
them either; the rest is kept to the byte. The first message of Pine or UW IMAP with their
own data is left out.

A message that the mailbox has byte for byte is not stored again, so after an
interruption the same command goes on, and calling it twice does no harm. What was
moved or deleted meanwhile comes again. Messages are on disk to stay before they
count.

Lines that begin with "From " and had to be judged are told with line and byte, and so
is what is broken; the messages before and after are imported. A file that is locked
(fcntl, flock, FILE.lock) is refused before anything is done.

Variants: mboxo, mboxrd, mboxcl, mboxcl2; auto takes Content-Length for the truth
where it leads to the end of a message, and unquotes as mboxrd where it does not.

Exit status: 0; 1 all is imported, but a file is broken or was changed meanwhile; 64
wrong usage; 66 a file cannot be read or is no mbox; 67 no such user; 75 temporary
failure, a locked file, a full mailbox (call it again); 78 broken configuration.`,
		Example: `  dovetail import mbox -u anna -m Archive/2019 /srv/old/anna/2019.mbox.gz
  dovetail import mbox -n -v -u anna -m INBOX /var/mail/anna`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			reading, err := o.reading()
			if err != nil {
				return cli.Usage(err)
			}
			c, err := flags.Load()
			if err != nil {
				return err
			}
			return o.run(cmd, c, reading, args)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.user, "user", "u", "", "whose mail it becomes: a name or an address")
	f.StringVarP(&o.mailbox, "mailbox", "m", "", "`mailbox` that it goes to")
	f.StringVar(&o.zone, "timezone", "Local", "`zone` of From_ lines that name none: UTC, Europe/Berlin")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "store nothing, tell what would be")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print every message, and every finding")
	cli.Choice(f, &o.variant, "variant", "how the files are written", mbox.Variants()...)
	cli.Choice(f, &o.format, "format", "text, or json for one object", "text", "json")
	return cmd
}

// reading checks the flags, and gives how files are read.
func (o *importOptions) reading() (mbox.Options, error) {
	if o.user == "" || o.mailbox == "" {
		return mbox.Options{}, errors.New("flags --user and --mailbox are needed")
	}
	zone, err := time.LoadLocation(o.zone)
	if err != nil {
		return mbox.Options{}, fmt.Errorf("flag --timezone: %w", err)
	}
	return mbox.Options{Variant: mbox.Variant(o.variant), Location: zone}, nil
}

func (o *importOptions) run(cmd *cobra.Command, c *config.Config, reading mbox.Options, names []string) error {
	d, err := setup.Delivery(c, "doveadm", nil, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
	if err != nil {
		return err
	}
	r, err := d.Resident(cmd.Context(), o.user)
	if err != nil {
		return err
	}
	files, closeAll, err := openMboxes(names)
	defer closeAll()
	if err != nil {
		return err
	}
	out := &importOutput{w: cmd.OutOrStdout(), errors: cmd.ErrOrStderr(), options: o, start: time.Now()}
	out.progress(files)
	im, err := mailimport.New(cmd.Context(), mailimport.Options{
		Store: r.Store, Do: r.Owner.Do, Flush: fsx.NewFlusher(fsx.DefaultGroupAbove).Flush,
		Mailbox: o.mailbox, Reading: reading, DryRun: o.dryRun, Each: out.message,
	})
	if err != nil {
		return err
	}
	defer im.Close()
	for _, f := range files {
		report, fileErr := im.File(cmd.Context(), f)
		out.file(f.Size, report)
		err = errors.Join(err, fileErr)
		if fileErr != nil && !errors.Is(fileErr, mbox.ErrNoMbox) {
			break
		}
	}
	return out.end(importStatus(err))
}

// openMboxes opens and locks all files before anything is stored.
func openMboxes(names []string) (files []*mbox.File, closeAll func(), err error) {
	closeAll = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for _, name := range names {
		f, err := mbox.Open(name)
		if errors.Is(err, mbox.ErrLocked) {
			return files, closeAll, mailerr.Temp(err, "")
		}
		if err != nil {
			return files, closeAll, noInput(err)
		}
		files = append(files, f)
	}
	return files, closeAll, nil
}

// importStatus gives an error of an import its exit status.
func importStatus(err error) error {
	switch {
	case err == nil:
		return nil
	case mailimport.IsFull(err):
		return exit(fmt.Errorf("the rest waits: %w", err), mailerr.ExTempFail)
	case errors.Is(err, mbox.ErrNoMbox):
		return noInput(err)
	}
	return err
}
