package ext

import (
	"errors"
	"fmt"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

// maxPartLoops bounds the loops inside of each other, those of included scripts
// counted too (Pigeonhole has the same bound).
const maxPartLoops = 4

var _ = engine.Register(&engine.Extension{
	Name: "foreverypart", Spec: "RFC 5703 section 3",
	Commands: []engine.Command{
		{
			Name: "foreverypart", Block: true, Op: compileForEveryPart,
			Tags:  []engine.Tag{{Name: "name", Param: &engine.Param{Name: "name", Kind: engine.String, Const: true}}},
			Check: enterPartLoop,
		},
		{
			Name: "break", Check: findPartLoop, Op: compileBreak,
			Tags: []engine.Tag{{Name: "name", Param: &engine.Param{Name: "name", Kind: engine.String, Const: true}}},
		},
	},
})

// partLoop is a loop in the script. As an error it leaves the loop.
type partLoop struct {
	name  string
	depth int // of the loops of this script around it, itself counted
}

func (l *partLoop) Error() string { return "break out of foreverypart" }

// running counts the loops under way.
var running = engine.NewState(func() *int { return new(int) })

// enterPartLoop makes the loop that the block of a call belongs to.
func enterPartLoop(c *engine.Call) error {
	l := &partLoop{depth: 1}
	if t := c.Tag("name"); t != nil {
		l.name, _ = t.Str().Const()
	}
	if outer := partLoopOf(c.Parent, func(*partLoop) bool { return true }); outer != nil {
		l.depth = outer.depth + 1
	}
	c.Data = l
	if l.depth > maxPartLoops {
		return fmt.Errorf("the nested foreverypart loop exceeds the nesting limit (<= %d levels)", maxPartLoops)
	}
	return nil
}

// partLoopOf finds the innermost loop around a call that suits.
func partLoopOf(c *engine.Call, suits func(*partLoop) bool) *partLoop {
	for ; c != nil; c = c.Parent {
		if l, ok := c.Data.(*partLoop); ok && suits(l) {
			return l
		}
	}
	return nil
}

func compileForEveryPart(c *engine.Call) (engine.Op, error) {
	l, block := c.Data.(*partLoop), c.Block
	return func(r *engine.Run) error {
		n := running.Of(r)
		if *n >= maxPartLoops {
			return r.Fail(c.Pos, "the nested foreverypart loop exceeds the nesting limit (<= %d levels)", maxPartLoops)
		}
		*n++
		err := l.run(r, block)
		*n--
		if err == error(l) {
			return nil
		}
		return err
	}, nil
}

// run runs the block for each part, depth first: at the outermost loop from the
// message itself on, else those in the part that the loop around has reached. A
// part that the block replaces has no parts of its own any more; where the block
// puts another message in place, the loop is over what there was and ends.
func (l *partLoop) run(r *engine.Run, block engine.Block) error {
	top := r.Part()
	p := top
	if r.InParts() {
		p = nextPart(top, top)
	}
	for p != nil {
		if err := r.Spend(64); err != nil {
			return err
		}
		if err := r.AtPart(p, func() error { return block.Run(r) }); err != nil {
			return err
		}
		var same bool
		if top, same = r.PartNow(top); !same {
			return nil
		}
		if p, same = r.PartNow(p); !same {
			return nil
		}
		p = nextPart(p, top)
	}
	return nil
}

// nextPart gives the part after p in depth-first order, within top; nil at the end.
func nextPart(p, top *message.Part) *message.Part {
	if len(p.Children) > 0 {
		return p.Children[0]
	}
	for ; p != top; p = p.Parent {
		if s := p.Sibling(); s != nil {
			return s
		}
	}
	return nil
}

// findPartLoop finds the loop that break leaves: the innermost or the named one.
func findPartLoop(c *engine.Call) error {
	t := c.Tag("name")
	if t == nil {
		if partLoopOf(c.Parent, func(*partLoop) bool { return true }) == nil {
			return errors.New("the break command is not placed inside a foreverypart loop")
		}
		return nil
	}
	name, _ := t.Str().Const()
	if partLoopOf(c.Parent, func(l *partLoop) bool { return l.name == name }) == nil {
		return fmt.Errorf("the break command is not placed inside a foreverypart loop named '%s'", name)
	}
	return nil
}

func compileBreak(c *engine.Call) (engine.Op, error) {
	t := c.Tag("name")
	l := partLoopOf(c.Parent, func(l *partLoop) bool {
		if t == nil {
			return true
		}
		name, _ := t.Str().Const()
		return l.name == name
	})
	return func(*engine.Run) error { return l }, nil
}
