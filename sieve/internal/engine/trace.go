package engine

// traced wraps a command so that a trace, when wanted, hears of it.
func (call *Call) traced(op Op) Op {
	pos, name := call.Pos, call.Command.Name
	return func(r *Run) error {
		r.pos = pos
		if r.env.Trace != nil {
			r.env.Trace(Event{Script: r.program.Name, Pos: pos, Kind: EventCommand, Name: name})
		}
		return op(r)
	}
}

// tracedTest wraps a test likewise.
func (call *Call) tracedTest(cond Cond) Cond {
	pos, name := call.Pos, call.Command.Name
	return func(r *Run) (bool, error) {
		if err := r.step(); err != nil {
			return false, err
		}
		r.pos = pos
		ok, err := cond(r)
		if r.env.Trace != nil {
			r.env.Trace(Event{Script: r.program.Name, Pos: pos, Kind: EventTest, Name: name, Result: ok})
		}
		return ok, err
	}
}

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
