package engine

import "errors"

// Block is a compiled sequence of commands.
type Block struct{ ops []Op }

// Run executes the block. Its error is a runtime error, ErrStop, or what a
// command inside it uses to leave the block.
func (b Block) Run(r *Run) error {
	for _, op := range b.ops {
		if err := r.step(); err != nil {
			return err
		}
		if err := op(r); err != nil {
			return err
		}
	}
	return nil
}

// Empty tells whether the block does nothing.
func (b Block) Empty() bool { return len(b.ops) == 0 }

// ErrStop ends the script, with the result as it is (RFC 5228 section 3.3).
var ErrStop = errors.New("stop")
