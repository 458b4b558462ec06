package ext

import (
	"fmt"

	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "fileinto", Spec: "RFC 5228 section 4.1",
	Commands: []engine.Command{{
		Name: "fileinto",
		Params: []engine.Param{{Name: "folder", Kind: engine.String, Check: func(name string) error {
			if err := engine.CheckMailbox(name); err != nil {
				return fmt.Errorf("fileinto command: invalid folder name '%s' specified: %w", name, err)
			}
			return nil
		}}},
		Op: compileFileinto,
	}},
})

func compileFileinto(c *engine.Call) (engine.Op, error) {
	folder := c.Str(0)
	_, known := folder.Const()
	return func(r *engine.Run) error {
		name := folder.Eval(r)
		if !known {
			if err := engine.CheckMailbox(name); err != nil {
				return r.Fail(c.Pos, "fileinto command: invalid folder name '%s' specified: %w", name, err)
			}
		}
		if name == "" {
			return r.Fail(c.Pos, "fileinto command: the folder name is empty")
		}
		return r.Do(c, &action.Store{Mailbox: name, Message: r.Message()})
	}, nil
}
