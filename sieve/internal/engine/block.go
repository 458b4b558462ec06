package engine

import "errors"

// Block is a compiled sequence of commands. The zero value is an empty one.
type Block struct{ *sequence }

// sequence is what a Block holds.
type sequence struct {
	commands []compiled
	guards   []guard // of those that are idle unless a test is true; nil for none
}

// compiled is a command of a block.
type compiled struct {
	op      Op
	pos     Pos
	command *Command
}

// Run executes the block. Its error is a runtime error, ErrStop, or what a
// command inside it uses to leave the block.
func (b Block) Run(r *Run) error {
	if b.Empty() {
		return nil
	}
	for i := range b.commands {
		if err := r.step(); err != nil {
			return err
		}
		if b.guards != nil && r.rulesOut(b.guards[i]) {
			continue
		}
		c := &b.commands[i]
		r.pos = c.pos
		if r.env.Trace != nil {
			r.env.Trace(Event{Script: r.program.Name, Pos: c.pos, Kind: EventCommand, Name: c.command.Name})
		}
		if err := c.op(r); err != nil {
			return err
		}
	}
	return nil
}

// Empty tells whether the block does nothing.
func (b Block) Empty() bool { return b.sequence == nil || len(b.commands) == 0 }

// ErrStop ends the script, with the result as it is (RFC 5228 section 3.3).
var ErrStop = errors.New("stop")
