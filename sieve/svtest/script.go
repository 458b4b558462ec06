package svtest

import (
	"errors"
	"os"
	"path/filepath"

	"dovetail/sieve"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
	"dovetail/sieve/internal/syntax"
)

// compile compiles a script of the test file's folder. Its errors are logged.
func (s *suite) compile(path string) *engine.Program {
	src, err := os.ReadFile(filepath.Join(s.dir, path))
	if err != nil {
		s.log("failed to open script: %v", err)
		return nil
	}
	p, diags := s.engine.CompileFrom(filepath.Base(path), src, true, sources{s})
	s.logErrors(diags)
	return p
}

func (s *suite) logErrors(diags syntax.Diagnostics) {
	for _, d := range diags {
		if d.Severity == syntax.Error {
			s.log("%s", d.Text)
		}
	}
}

func (s *suite) testScriptCompile(r *engine.Run, c *engine.Call) (bool, error) {
	s.errors = nil
	p := s.compile(c.Str(0).Eval(r))
	if p != nil {
		s.script = p
	}
	return p != nil, nil
}

// testScriptRun runs the compiled script over the current message. What it asks
// for takes the place of the present result, or with :append_result joins it.
func (s *suite) testScriptRun(r *engine.Run, c *engine.Call) (bool, error) {
	if s.script == nil {
		return false, r.Fail(c.Pos, "testsuite: trying to run script, but no script compiled yet")
	}
	s.errors = nil
	env := *s.env
	appended := c.Tag("append_result") != nil
	if appended {
		env.Flags = r.Flags()
	} else {
		s.reset(r)
	}
	before := r.Result()
	run := s.script.NewRun(s.ctx, r.Original(), &env)
	run.UseSettings(s.engine)
	run.Execute()
	res := run.Result()
	if errors.Is(res.Err, errFailed) {
		return false, errFailed
	}
	s.logErrors(res.Log)
	actions := before.Actions
	for _, a := range res.Actions {
		actions = s.join(actions, a)
	}
	r.Restore(actions, before.Keep != nil && (res.Keep != nil || res.Err != nil))
	r.SetFlags(res.Flags)
	s.keep = res.Keep
	return res.Err == nil, nil
}

// join adds an action to those of earlier scripts: what those did already is
// not done again, and a second answer to the sender is dropped.
func (s *suite) join(actions []action.Action, a action.Action) []action.Action {
	for _, old := range actions {
		switch old := old.(type) {
		case *action.Store:
			if n, ok := a.(*action.Store); ok && canonical(old.Mailbox) == canonical(n.Mailbox) {
				if n.Mailbox == "" {
					old.Mailbox = ""
				}
				old.Flags = n.Flags
				return actions
			}
		case *action.Redirect:
			if n, ok := a.(*action.Redirect); ok && n.Address == old.Address {
				return actions
			}
		case *action.Reject, *action.Respond:
			switch a.(type) {
			case *action.Reject, *action.Respond:
				return actions
			}
		}
	}
	return append(actions, a)
}

func (s *suite) testMultiscript(r *engine.Run, c *engine.Call) (bool, error) {
	s.errors = nil
	var scripts []*engine.Program
	good := true
	for _, path := range c.Strs(0).Eval(r) {
		p := s.compile(path)
		if p == nil {
			good = false
			break
		}
		scripts = append(scripts, p)
	}
	env := *s.env
	res := sieve.RunSequence(s.ctx, scripts, nil, r.Original(), &env)
	s.logErrors(res.Log)
	return s.execute(res.Actions, res.Keep, r.Original()) && res.Err == nil && good, nil
}

func (s *suite) testBinarySave(r *engine.Run, c *engine.Call) error {
	if s.script == nil {
		return r.Fail(c.Pos, "testsuite: no compiled script to save")
	}
	s.saved[c.Str(0).Eval(r)] = s.script
	return nil
}

func (s *suite) testBinaryLoad(r *engine.Run, c *engine.Call) error {
	name := c.Str(0).Eval(r)
	if s.saved[name] == nil {
		return r.Fail(c.Pos, "testsuite: failed to load binary %s: never saved", name)
	}
	s.script = s.saved[name]
	return nil
}
