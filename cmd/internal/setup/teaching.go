package setup

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/learn"
	"dovetail/learn/queue"
	"dovetail/learn/teach"
)

const (
	learnTimeout = 2 * time.Minute // of one call of a back end
	locksDir     = "locks"         // in the queue's directory
)

// most is how many messages back ends that take one after the other get in a call, so that
// each of them may take its time: a program such as sa-learn takes seconds.
var most = map[string]int{"exec": 10, "spamd": 20}

// Teaching is what the programs that teach have in common.
type Teaching struct {
	Queue  *queue.Queue
	Ledger learn.Ledger
	Pupils []*teach.Pupil // one for each back end, in their order
	Users  *userdb.Resolver

	config *config.Config
}

// Teaching builds it from the configuration; for jobs see Backends. Its ledger is
// closed with m.
func (m *Memory) Teaching(c *config.Config, jobs int) (*Teaching, error) {
	t := &Teaching{config: c}
	var err error
	if t.Queue, err = Queue(c); err != nil {
		return nil, err
	}
	if t.Ledger, err = m.Ledger(c); err != nil {
		return nil, err
	}
	if t.Users, err = cli.Resolver(c, "learn"); err != nil {
		return nil, err
	}
	backends, err := m.Backends(c, jobs)
	if err == nil && len(backends) == 0 {
		err = fmt.Errorf("%s: learn.backends: none is named", c.Origin("learn.backends"))
	}
	if err != nil {
		e := mailerr.Temp(err, "Configuration error")
		e.Exit = mailerr.ExConfig
		return nil, e
	}
	locks, err := teach.NewLocks(filepath.Join(t.Queue.Dir(), locksDir))
	if err != nil {
		return nil, err
	}
	for _, b := range backends {
		t.Pupils = append(t.Pupils, &teach.Pupil{Backend: b, Ledger: t.Ledger, Lock: locks.Lock, Timeout: learnTimeout, Most: most[b.Name()]})
	}
	return t, nil
}

// Teacher gives what drains the queue.
func (t *Teaching) Teacher(log *slog.Logger) *teach.Teacher {
	return teach.New(teach.Options{
		Queue: t.Queue, Pupils: t.Pupils, UID: uint32(os.Geteuid()), Log: TeachLog{log}, Now: time.Now,
		Interval: t.config.Learn.Interval, Workers: t.config.Learn.Workers, MaxAge: t.config.Learn.MaxAge,
		Retry: teach.Retry{Min: time.Second, Max: time.Minute, Rand: rand.Float64},
		User: func(ctx context.Context, name string) (string, uint32, error) {
			rcpt, err := t.Users.ResolveUser(ctx, name)
			if err != nil {
				return "", 0, err
			}
			return rcpt.User.Name, rcpt.User.UID, nil
		},
	})
}
