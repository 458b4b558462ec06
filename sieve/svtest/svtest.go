// Package svtest runs test files of vnd.dovecot.testsuite: Sieve scripts that
// test Sieve, as Pigeonhole's own test suite is written in. The test commands
// exist in this package only, as an extension that joins the engine of one file.
//
// A test file has blocks `test "name" { … }`. In them it sets a message
// (test_set), compiles and runs other scripts or uses commands itself, carries
// the resulting actions out (test_result_execute) and looks at what came of it:
// the message in a mailbox (test_message :folder) or sent (test_message :smtp),
// the errors logged (test_error). test_fail fails the block.
//
// What is fixed: mailboxes in memory with INBOX in it, user
// testsuite-mail-user@example.org, location MS, every extension enabled, sent
// mail kept in a list, duplicates remembered and answers not,
// postmaster@example.com. Actions are carried out by delivery.Executor, as in
// production. Settings have Dovecot's names and take effect at test_config_reload.
//
// Included scripts are those of the folders included (:personal) and
// included-global (:global) beside the test file, or of a file of keys and values
// named by the settings sieve and sieve_global as dict:file:PATH.
//
// For what Pigeonhole lacks: the envelope of test_set has notify, orcpt, ret, envid
// and by (SECONDS;MODE, RFC 2852 section 4), too, and test_message :smtp sets those
// that a message was sent with; the mailbox NAME has the id id-of-NAME.
//
// Known differences from Pigeonhole's runner: every test_config_reload puts all
// settings into effect, not those of one extension alone; scripts are kept under
// the name given to test_binary_save, there are no binaries.
package svtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"dovetail/internal/delivery"
	"dovetail/internal/fsx"
	"dovetail/internal/mailstore/mem"
	"dovetail/internal/message"
	statemem "dovetail/internal/state/mem"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
	_ "dovetail/sieve/internal/ext" // the language
)

// user is whose mail the tests deliver.
const user = "testsuite-mail-user@example.org"

// postmaster sends what no user does.
const postmaster = "postmaster@example.com"

// defaultMessage is the message before any test_set.
const defaultMessage = "From: sender@example.com\nTo: recipient@example.org\nSubject: Frop!\n\nFriep!\n"

// Options of a run.
type Options struct {
	// ExpectFailure (-F) passes a file when all its tests fail.
	ExpectFailure bool
	// Print takes what test_result_print and test_message_print show; nil drops it.
	Print io.Writer
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Patience is how many times as long programs may run as sieve_*_exec_timeout says,
	// for a busy machine; 0 is 1.
	Patience int
}

// suite is one test file under way.
type suite struct {
	ctx    context.Context
	opts   Options
	dir    string // of the test file
	report *Report

	set, applied map[string]string // settings: as set, and as in effect
	engine       *engine.Engine
	run          *engine.Run // of the test file itself

	env      *engine.Env // of the test file and the scripts it runs
	envelope message.Envelope
	boxes    *mailboxes
	outbox   []sent

	annotations annotations
	memory      memory

	script   *engine.Program            // compiled by the last test_script_compile
	saved    map[string]*engine.Program // by test_binary_save
	errors   []string                   // logged since the log was cleared
	executed map[action.Action]bool     // actions carried out already
	keep     *action.Store              // the implicit keep of the last script run
	kept     bool                       // the implicit keep is carried out
	inTest   bool
}

// Run runs one test file. The error tells that it could not be read; a failed
// test is in the Report.
func Run(ctx context.Context, file string, o Options) (*Report, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Print == nil {
		o.Print = io.Discard
	}
	s := &suite{
		ctx: ctx, opts: o, dir: filepath.Dir(abs),
		report: &Report{File: file, ExpectFailure: o.ExpectFailure},
		set:    map[string]string{}, saved: map[string]*engine.Program{}, executed: map[action.Action]bool{},
		boxes: &mailboxes{Store: mem.New()}, annotations: annotations{}, memory: memory{statemem.New(o.Now)},
	}
	s.env = &engine.Env{
		Envelope: &s.envelope, User: user, Postmaster: postmaster, Home: s.dir, Mailboxes: s.boxes, Metadata: s.annotations, Seen: s.memory, Programs: programs{s}, Now: o.Now,
		Items: map[string]string{"name": "Pigeonhole Sieve", "version": "dovetail", "location": "MS", "phase": "post"},
	}
	if host, err := os.Hostname(); err == nil {
		s.env.Items["host"] = host
	}
	s.runFile(src)
	return s.report, nil
}

func (s *suite) runFile(src []byte) {
	if err := s.reload(); err != nil {
		s.report.abort(err.Error())
		return
	}
	p, diags := s.engine.CompileFrom(filepath.Base(s.report.File), src, true, sources{s})
	if p == nil {
		s.report.abort(fmt.Sprintf("failed to compile testcase script:\n%v", diags))
		return
	}
	msg := message.Parse([]byte(defaultMessage))
	s.setEnvelope(msg)
	s.run = p.NewRun(s.ctx, msg, s.env)
	s.run.UseSettings(s.engine)
	s.run.Execute()
	if res := s.run.Result(); res.Err != nil {
		s.report.abort(fmt.Sprintf("test script execution aborted due to error: %v", res.Err))
	}
}

// executor carries out results as production does, by the settings in effect.
func (s *suite) executor() *delivery.Executor {
	return &delivery.Executor{
		Flush:        func(context.Context, []fsx.File) error { return nil },
		Sender:       sender{s},
		Hostname:     s.env.Items["host"],
		Postmaster:   postmaster,
		RedirectFrom: s.setting("sieve_redirect_envelope_from"),
		Now:          s.opts.Now,
		State:        s.memory,
	}
}

// log adds to the errors that test_error sees.
func (s *suite) log(format string, args ...any) {
	s.errors = append(s.errors, fmt.Sprintf(format, args...))
}
