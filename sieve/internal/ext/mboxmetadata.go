package ext

import "dovetail/sieve/internal/engine"

// Where the host knows of no annotations (Env.Metadata is nil), there are none.
var _ = engine.Register(&engine.Extension{
	Name: "mboxmetadata", Spec: "RFC 5490 section 3", OptIn: true,
	Commands: []engine.Command{
		{
			Name: "metadata", Match: true, Test: compileMetadata,
			Params: []engine.Param{
				{Name: "mailbox", Kind: engine.String},
				{Name: "annotation-name", Kind: engine.String},
				{Name: "key list", Kind: engine.StringList},
			},
		},
		{
			Name: "metadataexists", Test: compileMetadataExists,
			Params: []engine.Param{
				{Name: "mailbox", Kind: engine.String},
				{Name: "annotation-names", Kind: engine.StringList},
			},
		},
	},
})

// compileMetadata matches the value of an annotation; one that is missing never
// matches (RFC 5490 section 3.3).
func compileMetadata(c *engine.Call) (engine.Cond, error) {
	mailbox, name, m := c.Str(0), c.Str(1), c.Matcher()
	c.WarnMailbox(mailbox)
	c.WarnAnnotations(engine.Strs{name})
	return func(r *engine.Run) (bool, error) {
		value, ok := r.Annotation(c, mailbox.Eval(r), name.Eval(r))
		if !ok {
			return false, nil
		}
		return m.Match(r, value)
	}, nil
}

// compileMetadataExists is true when all of the annotations are there (RFC 5490
// section 3.4).
func compileMetadataExists(c *engine.Call) (engine.Cond, error) {
	mailbox, names := c.Str(0), c.Strs(1)
	c.WarnMailbox(mailbox)
	c.WarnAnnotations(names)
	return func(r *engine.Run) (bool, error) {
		box := mailbox.Eval(r)
		for _, s := range names {
			if _, ok := r.Annotation(c, box, s.Eval(r)); !ok {
				return false, nil
			}
		}
		return true, nil
	}, nil
}
