package setup

import (
	"context"
	"fmt"
	"os"
	"time"

	"dovetail/internal/config"
	"dovetail/internal/delivery"
	"dovetail/internal/fsx"
	"dovetail/internal/message"
	"dovetail/internal/userdb"
	"dovetail/learn"
	"dovetail/learn/queue"
)

// Queue opens the learn queue, and makes it where it is missing: for all uids when
// we may deal with what belongs to others, else for our own.
func Queue(c *config.Config) (*queue.Queue, error) {
	dir, mode := c.Learn.QueueDir, os.FileMode(queue.ModeOwn)
	if os.Geteuid() == 0 {
		mode = queue.ModeShared
	}
	err := queue.Make(dir, mode)
	if err == nil {
		var q *queue.Queue
		if q, err = queue.Open(dir, fsx.OS{}); err == nil {
			q.MaxSize = c.Learn.MaxSize
			return q, nil
		}
	}
	return nil, fmt.Errorf("%w\n%s", err, queue.Mend(dir, err))
}

// spamtrap builds what takes the mail of [learn] spamtrap: at the LMTP server, where
// recipients are addresses. Nil where there is none.
func spamtrap(c *config.Config, service string, users userdb.Lookuper) *delivery.Spamtrap {
	if service != "lmtp" || len(c.Learn.Spamtrap) == 0 {
		return nil
	}
	a, ok := users.(userdb.Agreeable)
	return &delivery.Spamtrap{
		Addresses: c.Learn.Spamtrap, Agreeable: ok && a.Agreeable(),
		Put: func(ctx context.Context, m *message.Message) error {
			q, err := Queue(c)
			if err != nil {
				return err
			}
			lesson := learn.Lesson{User: c.Learn.SpamtrapUser, Class: learn.Spam, At: time.Now(), Origin: learn.Spamtrap}
			_, err = q.Put(ctx, lesson, m.Open())
			return err
		},
	}
}
