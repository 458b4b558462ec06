package ext

import (
	"errors"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 3.1",
	Commands: []engine.Command{
		{Name: "if", Subtests: engine.OneTest, Block: true, Check: startChain, Op: compileIf},
		{Name: "elsif", Subtests: engine.OneTest, Block: true, Check: joinChain, Unreached: neverRuns, Op: compileBranch},
		{Name: "else", Block: true, Check: joinChain, Unreached: neverRuns, Op: compileBranch},
	},
})

// branch is one of if, elsif and else, with its test and its block.
type branch struct {
	test  *engine.SubTest // nil: always
	block engine.Block
}

// chain is an if with the elsif and else that follow it.
type chain struct {
	branches []branch
	decided  bool      // a branch before this place is always taken
	first    [1]branch // room for an if alone
}

func startChain(c *engine.Call) error {
	ch := &chain{}
	ch.branches = ch.first[:0]
	c.Data = ch
	return nil
}

// joinChain finds the chain that an elsif or else continues. After a faulty if
// there is none to find, which is no fault of the elsif.
func joinChain(c *engine.Call) error {
	if c.Prev == nil || c.Prev.Command.Name != "if" && c.Prev.Command.Name != "elsif" {
		return errors.New("the " + c.Command.Name + " command must follow an if or elseif command")
	}
	c.Prev.IdleUnless(nil)
	c.Data = c.Prev.Data
	if c.Data == nil {
		c.Data = &chain{}
	}
	return nil
}

// neverRuns tells that a branch before is always taken.
func neverRuns(c *engine.Call) bool { return c.Data.(*chain).decided }

// compileIf makes the whole chain one command: the branches that follow join it
// before it runs.
func compileIf(c *engine.Call) (engine.Op, error) {
	ch := c.Data.(*chain)
	if _, err := compileBranch(c); err != nil {
		return nil, err
	}
	if len(ch.branches) == 1 && ch.branches[0].test != nil {
		c.IdleUnless(ch.branches[0].test)
	}
	return func(r *engine.Run) error {
		for i := range ch.branches {
			b := &ch.branches[i]
			if b.test != nil {
				ok, err := b.test.Run(r)
				if err != nil {
					return err
				}
				if !ok {
					continue
				}
			}
			return b.block.Run(r)
		}
		return nil
	}, nil
}

// compileBranch adds a branch to its chain, unless it can never be taken.
func compileBranch(c *engine.Call) (engine.Op, error) {
	ch := c.Data.(*chain)
	if ch.decided {
		return nil, nil
	}
	b := branch{block: c.Block}
	if len(c.Tests) > 0 {
		t := c.Tests[0]
		if t.Known && !t.Value {
			return nil, nil
		}
		if !t.Known {
			b.test = t
		}
	}
	ch.decided = b.test == nil
	ch.branches = append(ch.branches, b)
	return nil, nil
}
