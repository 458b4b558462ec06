// Package setup builds from a configuration what several programs need to
// deliver mail: the Deliverer with all its parts, the log, listening sockets.
package setup

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"os"
	"time"

	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/delivery"
	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
	"dovetail/internal/program"
	"dovetail/internal/submission"
	"dovetail/maildir"
)

// maxProgramOutput bounds the bytes that filter and execute take from a program.
const maxProgramOutput = 64 << 20

// Delivery builds a Deliverer. Service is the name under which the user database
// is asked ("lmtp", "lda"). Site scripts that do not compile are no error here:
// see delivery.Scripts.Check. What is to be remembered comes from m; nil for nothing.
func Delivery(c *config.Config, service string, m *Memory, log *slog.Logger) (*delivery.Deliverer, error) {
	resolver, err := cli.Resolver(c, service)
	if err != nil {
		return nil, err
	}
	stores, err := cli.Stores(c, maildir.NewCache(), func(err error) { log.Warn("mail store", "error", err) })
	if err != nil {
		return nil, err
	}
	scripts, err := scripts(c, log)
	if err != nil {
		return nil, err
	}
	executor := executor(c, log)
	if m != nil {
		if executor.State, err = m.Open(c); err != nil {
			return nil, err
		}
	}
	scorer, err := m.scorer(c)
	if err != nil {
		return nil, err
	}
	return &delivery.Deliverer{
		Users:      resolver,
		Spamtrap:   spamtrap(c, service, resolver.Users),
		Scorer:     scorer,
		Scripts:    scripts,
		Executor:   executor,
		Programs:   programs(c),
		Attributes: cli.Attributes(c),
		Log:        log,
		Stores: func(r *delivery.Recipient) (mailstore.Store, error) {
			store, err := stores(r.User, r.Location)
			if err != nil {
				return nil, err
			}
			return store, nil
		},
		Settings: delivery.Settings{
			Hostname:             c.Hostname,
			RecipientDelimiter:   c.RecipientDelimiter,
			SaveToDetailMailbox:  c.LMTP.SaveToDetailMailbox,
			RcptCheckQuota:       c.LMTP.RcptCheckQuota,
			AddReceivedHeader:    c.LMTP.AddReceivedHeader,
			DeliveryAddress:      c.LMTP.HdrDeliveryAddress,
			UserConcurrencyLimit: c.LMTP.UserConcurrencyLimit,
			UserEmail:            c.Sieve.UserEmail,
			SpecialUse:           c.Mail.Uses(),
			EnvironmentItems: map[string]string{
				"host": c.Hostname, "location": "MDA", "phase": "during", "version": cli.Version, // RFC 5183 section 4.1
			},
		},
	}, nil
}

// scripts builds what finds and compiles scripts, nil when Sieve is off.
func scripts(c *config.Config, log *slog.Logger) (*delivery.Scripts, error) {
	if !c.Sieve.Enabled {
		return nil, nil
	}
	engine, err := cli.Engine(c)
	if err != nil {
		return nil, err
	}
	for _, warning := range engine.Warnings() {
		log.Warn("[sieve]: " + warning)
	}
	s := &delivery.Scripts{
		Before:  config.ScriptPaths(c.Sieve.Before),
		After:   config.ScriptPaths(c.Sieve.After),
		Discard: scriptPath(c.Sieve.Discard),
		Default: scriptPath(c.Sieve.Default),
		User:    cli.UserScript(c),
		// Scripts that others include.
		Personal: cli.PersonalScripts(c),
		Global:   c.Sieve.GlobalFolder(),
		Broken: func(path string, err error) {
			log.Error("a site script does not compile; its last good version stays in force", "script", path, "error", err)
		},
	}
	maxSize := cmp.Or(c.Sieve.MaxScriptSize, math.MaxInt64-1)
	s.Init(delivery.ScriptOptions{Engine: engine, MaxSize: maxSize, Now: time.Now})
	return s, nil
}

// scriptPath gives the path of a setting of one script, which the configuration
// has checked; "" for none.
func scriptPath(setting string) string {
	paths := config.ScriptPaths([]string{setting})
	if len(paths) == 0 {
		return ""
	}
	return paths[0]
}

func executor(c *config.Config, log *slog.Logger) *delivery.Executor {
	return &delivery.Executor{
		Flush:         flush(c.Mail.Fsync),
		Sender:        sender(c, log),
		AutoCreate:    c.Mail.Autocreate,
		AutoSubscribe: c.Mail.Autosubscribe,
		Hardlinks:     c.Mail.CopyWithHardlinks,
		RedirectFrom:  c.Sieve.RedirectEnvelopeFrom,
		RedirectOnce:  c.Sieve.RedirectOnce,
		Hostname:      c.Hostname,
		Postmaster:    c.PostmasterAddress,
		Now:           time.Now,
	}
}

// flush gives what makes files durable (mail_fsync): "optimized" may join many
// flushes into one of the whole file system, "always" never does, "never" leaves
// it to the kernel, for tests and for mail that may be lost.
func flush(setting string) func(context.Context, []fsx.File) error {
	switch setting {
	case "never":
		return func(ctx context.Context, _ []fsx.File) error { return ctx.Err() }
	case "always":
		return fsx.NewFlusher(0).Flush
	}
	return fsx.NewFlusher(fsx.DefaultGroupAbove).Flush
}

// sender builds the way out; nil where there is none.
func sender(c *config.Config, log *slog.Logger) delivery.Sender {
	s := c.Submission
	if s.Host != "" {
		addr := s.Host
		if _, _, err := net.SplitHostPort(addr); err != nil {
			addr = net.JoinHostPort(addr, "25")
		}
		return &submission.SMTP{Addr: addr, Hello: c.Hostname, Timeout: s.Timeout}
	}
	if s.Sendmail == "" {
		return nil
	}
	if _, err := os.Stat(s.Sendmail); errors.Is(err, fs.ErrNotExist) && c.Origin("submission.sendmail") == "default" {
		log.Debug("no mail can be sent: [submission] is not set and the default program is missing", "sendmail", s.Sendmail)
		return nil
	}
	return &submission.Sendmail{Path: s.Sendmail, Timeout: s.Timeout, DSN: s.DSN}
}

func programs(c *config.Config) delivery.Programs {
	s := c.Sieve
	return delivery.Programs{
		Host:    c.Hostname,
		Pipe:    program.Runner{Dir: s.PipeBinDir, Timeout: s.PipeExecTimeout, LF: s.PipeInputEOL == "lf"},
		Filter:  program.Runner{Dir: s.FilterBinDir, Timeout: s.FilterExecTimeout, LF: s.FilterInputEOL == "lf", MaxOutput: maxProgramOutput},
		Execute: program.Runner{Dir: s.ExecuteBinDir, Timeout: s.ExecuteExecTimeout, LF: s.ExecuteInputEOL == "lf", MaxOutput: maxProgramOutput},
	}
}
