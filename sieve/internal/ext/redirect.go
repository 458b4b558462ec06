package ext

import (
	"errors"
	"fmt"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 4.2",
	Commands: []engine.Command{{
		Name: "redirect",
		Params: []engine.Param{{Name: "address", Kind: engine.String, Check: func(address string) error {
			if _, err := message.ParseAddress(address); err != nil {
				return fmt.Errorf("specified redirect address '%s' is invalid: %w", address, err)
			}
			return nil
		}}},
		Op: compileRedirect,
	}},
})

// compileRedirect redirects the message without what encloses it: "enclose" does
// not affect what is redirected (RFC 5703 section 6).
func compileRedirect(c *engine.Call) (engine.Op, error) {
	if c.Limits().Redirects == 0 {
		return nil, errors.New("local policy prohibits the use of a redirect action")
	}
	to := c.Str(0)
	return func(r *engine.Run) error {
		address := to.Eval(r)
		a, err := message.ParseAddress(address)
		if err != nil {
			return r.Fail(c.Pos, "specified redirect address '%s' is invalid: %w", address, err)
		}
		return r.Do(c, &action.Redirect{Address: a.String(), Message: r.Message().Unenclosed()})
	}, nil
}
