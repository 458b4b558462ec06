//go:build man

package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"dovetail/internal/mailerr"
)

// Main writes the manual pages of the program that root is, one for each command, into
// the directory that is the only argument. A build with -tags man has it in place of the
// Main that runs the program, so that no program carries the generator.
func Main(root *cobra.Command) {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: DIRECTORY for the manual pages")
		os.Exit(mailerr.ExUsage)
	}
	plain(root)
	header := doc.GenManHeader{Section: "8", Source: "dovetail " + Version, Manual: "dovetail"}
	opts := doc.GenManTreeOptions{Header: &header, Path: os.Args[1], CommandSeparator: "-"}
	if err := doc.GenManTreeFromOpts(root, opts); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// escaper keeps what is Markdown by chance from being taken for it.
var escaper = strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, `\`, `\\`)

// plain makes the texts of a command and those below it Markdown, which the generator
// takes them for: a help text stands as it is written, with its columns.
func plain(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	if cmd.Long == "" {
		cmd.Long = cmd.Short
	}
	cmd.Long = "```\n" + cmd.Long + "\n```"
	cmd.Short = escaper.Replace(cmd.Short)
	escape := func(f *pflag.Flag) { f.Usage = escaper.Replace(f.Usage) }
	cmd.LocalFlags().VisitAll(escape)
	for _, sub := range cmd.Commands() {
		plain(sub)
	}
}
