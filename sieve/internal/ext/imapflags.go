package ext

import (
	"slices"
	"strings"

	"dovetail/sieve/internal/engine"
)

// The flags extension as it was before imap4flags, for scripts of older sites:
// the commands without a variable, and mark and unmark for \Flagged. It keeps its
// flags where imap4flags does, so that stores get them.
var _ = engine.Register(&engine.Extension{
	Name: "imapflags", Spec: "draft-melnikov-sieve-imapflags-03", OptIn: true,
	Excludes: []string{"imap4flags"},
	Commands: []engine.Command{
		draftFlagCommand("setflag", func(_, flags []string) []string { return withDraftFlags(nil, flags) }),
		draftFlagCommand("addflag", withDraftFlags),
		draftFlagCommand("removeflag", withoutDraftFlags),
		{Name: "mark", Op: func(*engine.Call) (engine.Op, error) {
			return func(r *engine.Run) error {
				r.SetFlags(withDraftFlags(r.Flags(), []string{`\Flagged`}))
				return nil
			}, nil
		}},
		{Name: "unmark", Op: func(*engine.Call) (engine.Op, error) {
			return func(r *engine.Run) error {
				r.SetFlags(withoutDraftFlags(r.Flags(), []string{`\Flagged`}))
				return nil
			}, nil
		}},
	},
})

// draftFlagCommand makes a command that changes the flags by its list.
func draftFlagCommand(name string, change func(old, flags []string) []string) engine.Command {
	return engine.Command{
		Name:   name,
		Params: []engine.Param{{Name: "list of flags", Kind: engine.StringList}},
		Op: func(c *engine.Call) (engine.Op, error) {
			flags := c.Strs(0)
			return func(r *engine.Run) error {
				r.SetFlags(change(r.Flags(), flags.Eval(r)))
				return nil
			}, nil
		},
	}
}

// withDraftFlags adds the flags that are not there, in any case of letters. One
// that IMAP does not know is left out (RFC 3501 section 9).
func withDraftFlags(old, items []string) []string {
	flags := slices.Clone(old)
	for _, f := range strings.Fields(strings.Join(items, " ")) {
		if draftFlagValid(f) && !slices.ContainsFunc(flags, func(have string) bool { return strings.EqualFold(have, f) }) {
			flags = append(flags, f)
		}
	}
	return flags
}

func withoutDraftFlags(old, items []string) []string {
	flags := slices.Clone(old)
	for _, f := range strings.Fields(strings.Join(items, " ")) {
		flags = slices.DeleteFunc(flags, func(have string) bool { return strings.EqualFold(have, f) })
	}
	return flags
}

func draftFlagValid(f string) bool {
	if strings.HasPrefix(f, `\`) {
		return slices.ContainsFunc([]string{`\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`},
			func(sys string) bool { return strings.EqualFold(sys, f) })
	}
	return !strings.ContainsFunc(f, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) })
}
