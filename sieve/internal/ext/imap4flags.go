package ext

import (
	"strings"

	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// The internal variable of RFC 5232 section 2 is the run's Flags, so that it
// goes along from script to script and is what a store without :flags gets.
var _ = engine.Register(&engine.Extension{
	Name: "imap4flags", Spec: "RFC 5232",
	Commands: []engine.Command{
		flagCommand("setflag", func(_, flags []string) []string { return engine.AddFlags(nil, flags) }),
		flagCommand("addflag", engine.AddFlags),
		flagCommand("removeflag", engine.RemoveFlags),
		{
			Name: "hasflag",
			Params: []engine.Param{
				{Name: "list of variables", Kind: engine.StringList, Optional: true, Const: true},
				{Name: "list of flags", Kind: engine.StringList},
			},
			Match:    true,
			SplitKey: splitFlagKey,
			Test:     compileHasflag,
		},
	},
	Tags: []engine.Tag{{
		Name: "flags", On: []string{"keep", "fileinto"},
		Param: &engine.Param{Name: "list of flags", Kind: engine.StringList},
		Apply: func(c *engine.Call, t *engine.TagUse) error {
			flags := t.Strs()
			c.AddEffect(func(r *engine.Run, a action.Action) error {
				if s, ok := a.(*action.Store); ok {
					s.Flags = engine.AddFlags([]string{}, flags.Eval(r)) // none at all is not the same as not said
				}
				return nil
			})
			return nil
		},
	}},
})

// flagCommand makes a command that changes the internal variable or a named
// one. change gives the new flags of the old ones and the argument, each item
// of which may hold several flags (RFC 5232 section 2).
func flagCommand(name string, change func(old, flags []string) []string) engine.Command {
	return engine.Command{
		Name: name,
		Params: []engine.Param{
			{Name: "variable name", Kind: engine.String, Optional: true, Const: true},
			{Name: "list of flags", Kind: engine.StringList},
		},
		Op: func(c *engine.Call) (engine.Op, error) {
			warnOfBadFlags(c)
			flags := c.Strs(1)
			if c.Str(0) == nil {
				return func(r *engine.Run) error {
					r.SetFlags(change(r.Flags(), flags.Eval(r)))
					return nil
				}, nil
			}
			v, err := flagVariable(c, c.Str(0))
			if err != nil {
				return nil, err
			}
			if v.Set == nil {
				return nil, c.Errorf(c.ArgPos(0), "the %s command cannot assign to this variable", name)
			}
			return func(r *engine.Run) error {
				old := engine.AddFlags(nil, []string{v.Get(r)})
				v.Set(r, strings.Join(change(old, flags.Eval(r)), " "))
				return nil
			}, nil
		},
	}
}

// flagVariable finds a variable that holds flags; its name is constant.
func flagVariable(c *engine.Call, s *engine.Str) (engine.Variable, error) {
	if !c.Has("variables") {
		return engine.Variable{}, c.Errorf(s.Pos, "the %s only allows for the specification of a "+
			"variable name when the variables extension is active", c.Command.Name)
	}
	name, _ := s.Const()
	v, err := c.Variable(name)
	if err != nil {
		return engine.Variable{}, c.Errorf(s.Pos, "%w", err)
	}
	return v, nil
}

// compileHasflag matches each flag of the internal variable or of the named ones.
func compileHasflag(c *engine.Call) (engine.Cond, error) {
	var vars []engine.Variable
	for _, s := range c.Strs(0) {
		v, err := flagVariable(c, s)
		if err != nil {
			return nil, err
		}
		vars = append(vars, v)
	}
	m := c.Matcher()
	return func(r *engine.Run) (bool, error) {
		x := m.Begin(r)
		if vars == nil {
			return x.End(matchFlags(&x, r.Flags()))
		}
		for _, v := range vars {
			value := v.Get(r)
			err := r.Spend(16 * len(value))
			if err == nil {
				err = matchFlags(&x, engine.AddFlags(nil, []string{value}))
			}
			if err != nil {
				return x.End(err)
			}
		}
		return x.End(nil)
	}, nil
}

func matchFlags(x *engine.Matching, flags []string) error {
	for _, f := range flags {
		if err := x.Value(f); err != nil {
			return err
		}
	}
	return nil
}

// splitFlagKey makes each flag of a key a key of its own, where flags are
// compared with flags (RFC 5232 section 4).
func splitFlagKey(u *engine.MatchUse, key string) []string {
	if u.Type.Name != "is" && u.Type.Name != "contains" {
		return []string{key}
	}
	return strings.Fields(key)
}

// warnOfBadFlags tells once of a constant flag that will be ignored.
func warnOfBadFlags(c *engine.Call) {
	for _, s := range c.Strs(1) {
		words, _ := s.Const()
		for _, f := range strings.Fields(words) {
			if err := engine.CheckFlag(f); err != nil {
				c.Warnf(s.Pos, "IMAP flag '%s' specified for the %s command is invalid and will be ignored "+
					"(only first invalid is reported)", f, c.Command.Name)
				return
			}
		}
	}
}
