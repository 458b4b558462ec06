// Package seen remembers when each message was first seen in its mailbox: the clock
// "first-seen" of expiry rules. It is in the database of [state].
//
// The table, which is made where it is missing:
//
//	first_seen(username, mailbox: text, name: bytes, together the primary key;
//	           at: milliseconds since 1970)
//
// A message is known by what stays of its file's name while it is in its mailbox, a
// mailbox by its id (maildir.Scan.ID), since it may be renamed; by its name where it
// has no id yet. A message that comes to another mailbox is new there. Nothing is old at
// first sight: after the loss of the database everything stays longer. A row takes about
// 150 bytes.
package seen

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/state/database"
)

const (
	knownSQL = `SELECT name, at FROM first_seen WHERE username = $1 AND mailbox = $2`
	stampSQL = `INSERT INTO first_seen (username, mailbox, at, name) VALUES `
	onceSQL  = ` ON CONFLICT (username, mailbox, name) DO NOTHING`
	// The range leads a planner, who knows nothing of a new table, to the few rows.
	forgetSQL = `DELETE FROM first_seen WHERE username = $1 AND mailbox = $2 AND name BETWEEN $3 AND $4 AND name IN (`
	boxesSQL  = `SELECT DISTINCT mailbox FROM first_seen WHERE username = $1`
	dropSQL   = `DELETE FROM first_seen WHERE username = $1 AND mailbox = $2`
)

// Bounds of a change: rows of a statement, whose arguments databases limit, and rows
// of a transaction, which others wait for.
const (
	rowsAtOnce    = 250
	rowsInOneTurn = 20_000
)

// Stamps are the stamps of all users. They are safe for concurrent use.
type Stamps struct {
	table *database.Tables
	now   func() time.Time
}

// New makes the Stamps in a database; nothing is asked of it yet.
func New(db *database.DB, now func() time.Time) *Stamps {
	return &Stamps{now: now, table: db.Tables(
		`CREATE TABLE IF NOT EXISTS first_seen (username text NOT NULL, mailbox text NOT NULL, name ` + db.Blob + ` NOT NULL, at bigint NOT NULL,
			PRIMARY KEY (username, mailbox, name))` + db.ByKey)}
}

// Known gives for each of some messages when it was first seen in the mailbox: the zero
// time where it has no stamp. It changes nothing.
func (s *Stamps) Known(ctx context.Context, user, mailbox string, names []string) ([]time.Time, error) {
	times, _, err := s.known(ctx, user, mailbox, names)
	if err != nil {
		return nil, fmt.Errorf("first-seen stamps of %s: reading: %w", user, err)
	}
	return times, nil
}

// Of is Known of all messages that a mailbox has. Those without a stamp get one of now,
// and what is stamped and not among them any more is forgotten.
func (s *Stamps) Of(ctx context.Context, user, mailbox string, names []string) ([]time.Time, error) {
	times, gone, err := s.known(ctx, user, mailbox, names)
	if err != nil {
		return nil, fmt.Errorf("first-seen stamps of %s: reading: %w", user, err)
	}
	var fresh []string
	for i, at := range times {
		if at.IsZero() {
			fresh = append(fresh, names[i])
		}
	}
	now := s.now().UnixMilli()
	err = s.inTurns(ctx, fresh, func(tx *sql.Tx, some []string) error {
		query := stampSQL + places("($1, $2, $3, ", ")", 4, len(some)) + onceSQL
		_, err := tx.ExecContext(ctx, query, arguments(some, user, mailbox, now)...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("first-seen stamps of %s: writing: %w", user, err)
	}
	err = s.inTurns(ctx, gone, func(tx *sql.Tx, some []string) error {
		query := forgetSQL + places("", "", 5, len(some)) + ")"
		_, err := tx.ExecContext(ctx, query, arguments(some, user, mailbox, []byte(some[0]), []byte(some[len(some)-1]))...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("first-seen stamps of %s: forgetting: %w", user, err)
	}
	return times, nil
}

// Keep forgets what is stamped in other mailboxes of a user than these.
func (s *Stamps) Keep(ctx context.Context, user string, mailboxes []string) error {
	var gone []string
	err := s.read(ctx, func(rows *sql.Rows) error {
		var mailbox string
		err := rows.Scan(&mailbox)
		if err == nil && !slices.Contains(mailboxes, mailbox) {
			gone = append(gone, mailbox)
		}
		return err
	}, boxesSQL, user)
	for _, mailbox := range gone {
		if err != nil {
			break
		}
		err = s.table.Transact(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, dropSQL, user, mailbox)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("first-seen stamps of %s: forgetting mailboxes: %w", user, err)
	}
	return nil
}

// known gives the stamps of names, and the names that are stamped and not among them.
func (s *Stamps) known(ctx context.Context, user, mailbox string, names []string) (times []time.Time, gone []string, err error) {
	times = make([]time.Time, len(names))
	index := make(map[string]int, len(names))
	for i, name := range names {
		index[name] = i
	}
	err = s.read(ctx, func(rows *sql.Rows) error {
		var name sql.RawBytes
		var at int64
		if err := rows.Scan(&name, &at); err != nil {
			return err
		}
		if i, ok := index[string(name)]; ok {
			times[i] = time.UnixMilli(at)
		} else {
			gone = append(gone, string(name))
		}
		return nil
	}, knownSQL, user, mailbox)
	return times, gone, err
}

// read calls row for each row of an answer.
func (s *Stamps) read(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	rows, err := s.table.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// inTurns changes rows, so many in a statement and so many in a transaction. All who
// change them do so in one order, or two could wait for each other.
func (s *Stamps) inTurns(ctx context.Context, names []string, change func(tx *sql.Tx, some []string) error) error {
	slices.Sort(names)
	for turn := range slices.Chunk(names, rowsInOneTurn) {
		err := s.table.Transact(ctx, func(tx *sql.Tx) error {
			for some := range slices.Chunk(turn, rowsAtOnce) {
				if err := change(tx, some); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// places gives the places of n arguments from a number on, each between before and after.
func places(before, after string, from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(before + "$" + strconv.Itoa(from+i) + after)
	}
	return b.String()
}

func arguments(names []string, before ...any) []any {
	for _, name := range names {
		before = append(before, []byte(name))
	}
	return before
}
