package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
	"dovetail/learn"
	"dovetail/learn/bogofilter"
	"dovetail/learn/program"
	"dovetail/learn/rspamd"
	"dovetail/learn/spamd"
)

// Backends builds the classifiers that learn ([learn] backends), in their order. For
// bulk training, jobs is the number of messages at once for those that can; for the
// lessons of the queue it is 0.
func (m *Memory) Backends(c *config.Config, jobs int) ([]learn.Backend, error) {
	users, err := cli.Users(c, "learn")
	if err != nil {
		return nil, err
	}
	var all []learn.Backend
	for i, name := range c.Learn.Backends {
		b, err := m.backend(c, name, jobs, users.Lookup)
		if err != nil {
			return nil, fmt.Errorf("%s: learn.backends[%d]: %w", c.Origin("learn.backends"), i, err)
		}
		all = append(all, b)
	}
	return all, nil
}

// backend builds one; lookup finds the user of a lesson.
func (m *Memory) backend(c *config.Config, name string, jobs int, lookup func(context.Context, string) (*userdb.User, error)) (learn.Backend, error) {
	l := c.Learn
	switch name {
	case "builtin":
		return m.Builtin(c)
	case "rspamd":
		to, err := template(l.Rspamd.DeliverTo)
		b, err2 := rspamd.New(rspamd.Options{
			URL: l.Rspamd.URL, Password: l.Rspamd.Password, PasswordFile: l.Rspamd.PasswordFile,
			DeliverTo: to, Classifier: l.Rspamd.Classifier, Bulk: jobs > 0, Connections: cmp.Or(jobs, l.Rspamd.Connections),
			Timeout: l.Rspamd.Timeout,
		})
		return b, errors.Join(err, err2)
	case "spamd":
		user, err := template(l.Spamd.User)
		b, err2 := spamd.New(spamd.Options{Address: l.Spamd.Address, User: user, Timeout: l.Spamd.Timeout, MaxSize: l.Spamd.MaxSize})
		return b, errors.Join(err, err2)
	case "bogofilter":
		dir, err := template(cmp.Or(l.Bogofilter.Directory, bogofilter.DefaultDirectory))
		b, err2 := bogofilter.New(bogofilter.Options{Program: l.Bogofilter.Program, Directory: dir, Lookup: lookup, Timeout: l.Bogofilter.Timeout})
		return b, errors.Join(err, err2)
	case "exec":
		return program.New(program.Options{Spam: l.Exec.Spam, Ham: l.Exec.Ham, Lookup: lookup, Timeout: l.Exec.Timeout})
	}
	return nil, fmt.Errorf("there is no back end %s", name)
}

// template parses a setting; nil for an empty one.
func template(s string) (*expand.Template, error) {
	if s == "" {
		return nil, nil
	}
	return expand.Parse(s)
}
