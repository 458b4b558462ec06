package engine

import "strconv"

// MatchVerdict compiles a test of a number that somebody else found about the
// message (spamtest, virustest). The error of value says why there is none, and 0
// is matched then; who looks on is told.
func (c *Call) MatchVerdict(value func(r *Run) (int, error)) (Cond, error) {
	m := c.Matcher()
	return func(r *Run) (bool, error) {
		v, err := value(r)
		if err != nil && r.env.Trace != nil {
			r.Info(c.Pos, "%s: not tested: %v", c.Command.Name, err)
		}
		return m.Match(r, strconv.Itoa(v))
	}, nil
}
