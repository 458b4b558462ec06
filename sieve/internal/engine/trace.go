package engine

// trace tells of the comparison of a value with the i-th key.
func (x *Matching) trace(v string, i int, ok bool) {
	x.r.env.Trace(Event{
		Script: x.r.program.Name, Pos: x.m.pos, Kind: EventMatch, Name: x.m.command.Name,
		Value: v, Key: x.m.keys[i].str.Eval(x.r), Result: ok,
		Match: ":" + x.m.use.Type.Name + " " + x.m.use.Comparator.Name,
	})
}

// TraceEdit tells a trace that the message was changed, and how.
func (r *Run) TraceEdit(name, text string) {
	if r.env.Trace != nil {
		r.env.Trace(Event{Script: r.program.Name, Pos: r.pos, Kind: EventEdit, Name: name, Text: text})
	}
}
