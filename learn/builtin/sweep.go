package builtin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const (
	keepLessons = 500    // the newest of a class that a user keeps whatever their age
	mostLessons = 20_000 // of a class that a user can have
	sweepBatch  = 100    // lessons of one transaction, so that nobody waits long
)

// Sweep forgets old lessons (see Forgetting above) and tells how many. It may be
// called at any time; once a day will do.
func (c *Classifier) Sweep(ctx context.Context) (int, error) {
	n, err := c.store.sweep(ctx, c.o.Now().Add(-c.o.Lifetime).Unix())
	if err != nil {
		return n, fmt.Errorf("builtin classifier: forgetting old lessons: %w", err)
	}
	return n, nil
}

func (s *store) sweep(ctx context.Context, before int64) (int, error) {
	all, err := s.stats(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, user := range all {
		for _, class := range []int{classHam, classSpam} {
			for {
				n := 0
				err := s.transact(ctx, func(tx *sql.Tx) (err error) {
					n, err = forget(ctx, tx, user.User, class, before)
					return err
				})
				if err != nil {
					return total, err
				}
				if total += n; n < sweepBatch {
					break
				}
			}
		}
	}
	return total, nil
}

// forget takes back up to sweepBatch lessons of a user.
func forget(ctx context.Context, tx *sql.Tx, user string, class int, before int64) (int, error) {
	t, err := begin(ctx, tx, user)
	if err != nil {
		return 0, err
	}
	// The lessons behind the newest that stay: those behind keepLessons if they
	// are old, those behind mostLessons in any case.
	rows, err := tx.QueryContext(ctx, `SELECT id, tokens FROM lessons WHERE id IN (
			SELECT id FROM (SELECT id, at FROM lessons WHERE user = ?1 AND class = ?2 ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?3) WHERE at < ?4
			UNION SELECT id FROM (SELECT id FROM lessons WHERE user = ?1 AND class = ?2 ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?5)
			LIMIT ?6)`,
		t.user, class, keepLessons, before, mostLessons, sweepBatch)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var gone []int64
	for rows.Next() {
		var id int64
		var tokens []byte
		if err := rows.Scan(&id, &tokens); err != nil {
			return 0, err
		}
		gone = append(gone, id)
		t.count(class, unpack(tokens), -1)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for _, id := range gone {
		if _, err := tx.ExecContext(ctx, `DELETE FROM lessons WHERE id = ?`, id); err != nil {
			return 0, err
		}
	}
	return len(gone), t.finish()
}

// Stats is what is known for a user.
type Stats struct {
	User   string `json:"user"`   // empty: the site, which has the lessons of all users
	Spam   int64  `json:"spam"`   // lessons
	Ham    int64  `json:"ham"`    // lessons
	Tokens int64  `json:"tokens"` // different tokens
}

// Stats tells what is known, the site first, then the users by name. Unlike other
// methods it does not make the file: where there is none, nothing is known.
func (c *Classifier) Stats(ctx context.Context) ([]Stats, error) {
	if _, err := os.Lstat(c.store.path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	all, err := c.store.stats(ctx)
	if err != nil {
		return nil, fmt.Errorf("builtin classifier: counting: %w", err)
	}
	return all, nil
}

func (s *store) stats(ctx context.Context) ([]Stats, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT name, spam, ham, (SELECT count(*) FROM tokens WHERE key >= id << ?1 AND key < (id + 1) << ?1) FROM users ORDER BY name`, keyBits)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Stats
	for rows.Next() {
		var u Stats
		if err := rows.Scan(&u.User, &u.Spam, &u.Ham, &u.Tokens); err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, rows.Err()
}
