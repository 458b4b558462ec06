package ext

import (
	"dovetail/sieve/internal/engine"
)

// The flags extension as it was before imap4flags, for scripts of older sites:
// the commands without a variable, and mark and unmark for \Flagged. It keeps its
// flags where imap4flags does, so that stores get them.
var _ = engine.Register(&engine.Extension{
	Name: "imapflags", Spec: "draft-melnikov-sieve-imapflags-03", OptIn: true,
	Excludes: []string{"imap4flags"},
	Commands: []engine.Command{
		draftFlagCommand("setflag", func(_, flags []string) []string { return engine.AddFlags(nil, flags) }),
		draftFlagCommand("addflag", engine.AddFlags),
		draftFlagCommand("removeflag", engine.RemoveFlags),
		{Name: "mark", Op: func(*engine.Call) (engine.Op, error) {
			return func(r *engine.Run) error {
				r.SetFlags(engine.AddFlags(r.Flags(), []string{`\Flagged`}))
				return nil
			}, nil
		}},
		{Name: "unmark", Op: func(*engine.Call) (engine.Op, error) {
			return func(r *engine.Run) error {
				r.SetFlags(engine.RemoveFlags(r.Flags(), []string{`\Flagged`}))
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
