package ext

import "dovetail/sieve/internal/engine"

// Where the host knows of no annotations (Env.Metadata is nil), there are none.
var _ = engine.Register(&engine.Extension{
	Name: "servermetadata", Spec: "RFC 5490 section 4", OptIn: true,
	Commands: []engine.Command{
		{
			Name: "servermetadata", Match: true, Test: compileServerMetadata,
			Params: []engine.Param{
				{Name: "annotation-name", Kind: engine.String},
				{Name: "key list", Kind: engine.StringList},
			},
		},
		{
			Name: "servermetadataexists", Test: compileServerMetadataExists,
			Params: []engine.Param{{Name: "annotation-names", Kind: engine.StringList}},
		},
	},
})

// compileServerMetadata matches the value of an annotation of the server; one
// that is missing never matches (RFC 5490 section 4.1).
func compileServerMetadata(c *engine.Call) (engine.Cond, error) {
	name, m := c.Str(0), c.Matcher()
	c.WarnAnnotations(engine.Strs{name})
	return func(r *engine.Run) (bool, error) {
		value, ok := r.Annotation(c, "", name.Eval(r))
		if !ok {
			return false, nil
		}
		return m.Match(r, value)
	}, nil
}

// compileServerMetadataExists is true when all of the annotations are there (RFC
// 5490 section 4.2).
func compileServerMetadataExists(c *engine.Call) (engine.Cond, error) {
	names := c.Strs(0)
	c.WarnAnnotations(names)
	return func(r *engine.Run) (bool, error) {
		for _, s := range names {
			if _, ok := r.Annotation(c, "", s.Eval(r)); !ok {
				return false, nil
			}
		}
		return true, nil
	}, nil
}
