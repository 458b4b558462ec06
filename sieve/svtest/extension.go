package svtest

import (
	"errors"
	"fmt"

	"dovetail/sieve/internal/engine"
)

// errFailed leaves a test block that has failed.
var errFailed = errors.New("the test has failed")

// extension gives the test commands, bound to one test file.
func (s *suite) extension() *engine.Extension {
	str := func(name string) engine.Param { return engine.Param{Name: name, Kind: engine.String} }
	index := engine.Tag{Name: "index", Param: &engine.Param{Name: "index", Kind: engine.Number}}
	keys := []engine.Param{{Name: "key list", Kind: engine.StringList}}
	return &engine.Extension{
		Name: "vnd.dovecot.testsuite", Spec: "Pigeonhole, src/testsuite",
		Commands: []engine.Command{
			{Name: "test", Params: []engine.Param{str("name")}, Block: true, Before: topLevel, Op: s.compileTest},
			{Name: "test_fail", Params: []engine.Param{str("reason")}, Op: s.command(s.testFail)},
			{
				Name:   "test_set",
				Params: []engine.Param{{Name: "object", Kind: engine.String, Const: true, Check: checkObject}, str("value")},
				Op:     s.command(s.testSet),
			},
			{Name: "test_config_set", Params: []engine.Param{str("setting"), str("value")}, Op: s.command(s.testConfigSet)},
			{Name: "test_config_unset", Params: []engine.Param{str("setting")}, Op: s.command(s.testConfigUnset)},
			{
				Name: "test_config_reload", Op: s.command(s.testConfigReload),
				Tags: []engine.Tag{{Name: "extension", Param: &engine.Param{Name: "extension", Kind: engine.String}}},
			},
			{Name: "test_script_compile", Params: []engine.Param{str("script")}, Test: s.test(s.testScriptCompile)},
			{Name: "test_script_run", Tags: []engine.Tag{{Name: "append_result"}}, Test: s.test(s.testScriptRun)},
			{
				Name: "test_multiscript", Params: []engine.Param{{Name: "scripts", Kind: engine.StringList}},
				Test: s.test(s.testMultiscript),
			},
			{Name: "test_error", Params: keys, Tags: []engine.Tag{index}, Match: true, Comparator: "i;octet", Test: s.test(s.testError)},
			{
				Name: "test_result_action", Params: keys, Tags: []engine.Tag{index}, Match: true, Comparator: "i;octet",
				Test: s.test(s.testResultAction),
			},
			{Name: "test_result_execute", Test: s.test(s.testResultExecute)},
			{Name: "test_result_reset", Op: s.command(s.testResultReset)},
			{Name: "test_result_print", Op: s.command(s.testResultPrint)},
			{
				Name: "test_message", Params: []engine.Param{{Name: "index", Kind: engine.Number}}, Check: checkSource,
				Tags: []engine.Tag{
					{Name: "smtp", Group: "SOURCE"},
					{Name: "folder", Group: "SOURCE", Param: &engine.Param{Name: "folder", Kind: engine.String, Check: engine.CheckMailbox}},
				},
				Op: s.command(s.testMessage), Test: s.test(s.hasMessage),
			},
			{Name: "test_message_print", Op: s.command(s.testMessagePrint)},
			{Name: "test_mailbox_create", Params: []engine.Param{str("mailbox")}, Op: s.command(s.testMailboxCreate)},
			{
				Name: "test_imap_metadata_set", Params: []engine.Param{str("annotation"), str("value")},
				Tags: []engine.Tag{{Name: "mailbox", Param: &engine.Param{Name: "mailbox", Kind: engine.String, Check: engine.CheckMailbox}}},
				Op:   s.command(s.testMetadataSet),
			},
			{Name: "test_binary_save", Params: []engine.Param{str("binary")}, Op: s.command(s.testBinarySave)},
			{Name: "test_binary_load", Params: []engine.Param{str("binary")}, Op: s.command(s.testBinaryLoad)},
		},
		Namespaces: []engine.Namespace{{Name: "tst", Resolve: s.resolve}},
	}
}

// command and test make a compiling function of one that does its work at run time.
func (s *suite) command(do func(*engine.Run, *engine.Call) error) func(*engine.Call) (engine.Op, error) {
	return func(c *engine.Call) (engine.Op, error) {
		return func(r *engine.Run) error { return do(r, c) }, nil
	}
}

func (s *suite) test(do func(*engine.Run, *engine.Call) (bool, error)) func(*engine.Call) (engine.Cond, error) {
	return func(c *engine.Call) (engine.Cond, error) {
		return func(r *engine.Run) (bool, error) { return do(r, c) }, nil
	}
}

// resolve gives ${tst.path}, the folder of the test file.
func (s *suite) resolve(_ *engine.Compiler, path []string) (engine.Variable, error) {
	value := ""
	if len(path) == 1 && path[0] == "path" {
		value = s.dir
	}
	return engine.Variable{Get: func(*engine.Run) string { return value }}, nil
}

func topLevel(c *engine.Call) error {
	if c.Parent != nil {
		return errors.New("tests cannot be nested: test command must be issued at top-level")
	}
	return nil
}

func (s *suite) compileTest(c *engine.Call) (engine.Op, error) {
	return func(r *engine.Run) error {
		s.report.Tests = append(s.report.Tests, Test{Name: c.Str(0).Eval(r)})
		s.inTest = true
		err := c.Block.Run(r)
		s.inTest = false
		if errors.Is(err, errFailed) {
			return nil
		}
		return err
	}, nil
}

func (s *suite) testFail(r *engine.Run, c *engine.Call) error { return s.fail("%s", c.Str(0).Eval(r)) }

// fail fails the test under way; without one the whole file fails.
func (s *suite) fail(format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	if !s.inTest {
		return errors.New(reason)
	}
	t := &s.report.Tests[len(s.report.Tests)-1]
	t.Failed, t.Reason = true, reason
	return errFailed
}

// testError matches the errors logged.
func (s *suite) testError(r *engine.Run, c *engine.Call) (bool, error) {
	return matchIndexed(r, c, s.errors)
}

// matchIndexed matches values, or with :index (from 1) that one.
func matchIndexed(r *engine.Run, c *engine.Call, values []string) (bool, error) {
	if t := c.Tag("index"); t != nil {
		switch i := t.Num(); {
		case i > uint64(len(values)):
			values = nil
		case i > 0:
			values = values[i-1 : i]
		}
	}
	x := c.Matcher().Begin(r)
	var err error
	for _, v := range values {
		if err = x.Value(v); err != nil {
			break
		}
	}
	return x.End(err)
}
