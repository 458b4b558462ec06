// Package ledger keeps what back ends were taught: in the database of [state], and
// in memory for tests and for sites without a database.
//
// The table, which is made where it is missing:
//
//	taught(backend, username, hash: primary key; class, intent: text;
//	       at: milliseconds since 1970)
//
// An entry takes about 100 bytes. Nothing goes by itself: see learn.Ledger.Forget.
package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/state/database"
	"dovetail/learn"
)

const (
	writeSQL = `INSERT INTO taught (backend, username, hash, class, intent, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (backend, username, hash) DO UPDATE
		SET class = excluded.class, intent = excluded.intent, at = excluded.at`
	taughtSQL = `SELECT hash, class, intent, at FROM taught WHERE backend = $1 AND username = $2 AND hash IN (`
	countSQL  = `SELECT backend, class, count(*) FROM taught WHERE class <> '' GROUP BY backend, class ORDER BY backend, class`
)

// Table is a learn.Ledger in a table.
type Table struct {
	taught *database.Tables
	forget string
}

// New makes a ledger in a database; nothing is asked of it yet.
func New(db *database.DB) *Table {
	return &Table{
		taught: db.Tables(
			`CREATE TABLE IF NOT EXISTS taught (backend text NOT NULL, username text NOT NULL, hash `+db.Blob+` NOT NULL,
				class text NOT NULL, intent text NOT NULL, at bigint NOT NULL,
				PRIMARY KEY (backend, username, hash))`+db.ByKey,
			`CREATE INDEX IF NOT EXISTS taught_at ON taught (at)`,
		),
		forget: fmt.Sprintf(`DELETE FROM taught WHERE (backend, username, hash) IN
			(SELECT backend, username, hash FROM taught WHERE at < $1 LIMIT %d%s)`, forgetBatch, db.SkipLocked),
	}
}

// forgetBatch is how many entries one transaction takes away, so that nobody waits long:
// deliveries use the same database.
const forgetBatch = 1000

// maxHashes bounds the arguments of a statement.
const maxHashes = 500

// Taught is learn.Ledger's.
func (t *Table) Taught(ctx context.Context, backend, user string, hashes []learn.Hash) (map[learn.Hash]learn.Entry, error) {
	found := map[learn.Hash]learn.Entry{}
	for some := range slices.Chunk(hashes, maxHashes) {
		args := []any{backend, user}
		places := make([]string, len(some))
		for i, hash := range some {
			args = append(args, hash[:])
			places[i] = "$" + strconv.Itoa(i+3)
		}
		entries, err := t.entries(ctx, taughtSQL+strings.Join(places, ", ")+")", args...)
		if err != nil {
			return nil, fmt.Errorf("learn ledger: looking up: %w", err)
		}
		for _, e := range entries {
			found[e.Hash] = e
		}
	}
	return found, nil
}

func (t *Table) entries(ctx context.Context, query string, args ...any) ([]learn.Entry, error) {
	rows, err := t.taught.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var entries []learn.Entry
	for rows.Next() {
		var e learn.Entry
		var hash []byte
		var at int64
		if err := rows.Scan(&hash, &e.Class, &e.Intent, &at); err != nil {
			return nil, err
		}
		if copy(e.Hash[:], hash) != len(e.Hash) {
			return nil, fmt.Errorf("a hash of %d bytes", len(hash))
		}
		e.At = time.UnixMilli(at)
		entries = append(entries, e)
	}
	return entries, rows.Err()
}

// Write is learn.Ledger's.
func (t *Table) Write(ctx context.Context, backend, user string, entries []learn.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	// Rows are locked in one order by everybody, or two processes could wait for
	// each other.
	entries = slices.SortedFunc(slices.Values(entries), func(a, b learn.Entry) int { return slices.Compare(a.Hash[:], b.Hash[:]) })
	err := t.taught.Transact(ctx, func(tx *sql.Tx) error {
		stmt, err := tx.PrepareContext(ctx, writeSQL)
		if err != nil {
			return err
		}
		defer stmt.Close()
		for _, e := range entries {
			if _, err := stmt.ExecContext(ctx, backend, user, e.Hash[:], string(e.Class), string(e.Intent), e.At.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("learn ledger: writing: %w", err)
	}
	return nil
}

// Count is learn.Ledger's.
func (t *Table) Count(ctx context.Context) ([]learn.Count, error) {
	rows, err := t.taught.Query(ctx, countSQL)
	if err != nil {
		return nil, fmt.Errorf("learn ledger: counting: %w", err)
	}
	defer rows.Close()
	var counts []learn.Count
	for rows.Next() {
		var c learn.Count
		if err := rows.Scan(&c.Backend, &c.Class, &c.N); err != nil {
			return nil, fmt.Errorf("learn ledger: counting: %w", err)
		}
		counts = append(counts, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("learn ledger: counting: %w", err)
	}
	return counts, nil
}

// Forget is learn.Ledger's. What others are at work on stays for another time.
func (t *Table) Forget(ctx context.Context, before time.Time) (n int, err error) {
	for some := forgetBatch; some == forgetBatch; n += some {
		if some, err = t.forgetSome(ctx, before); err != nil {
			return n, fmt.Errorf("learn ledger: forgetting: %w", err)
		}
	}
	return n, nil
}

func (t *Table) forgetSome(ctx context.Context, before time.Time) (n int, err error) {
	err = t.taught.Transact(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, t.forget, before.UnixMilli())
		if err != nil {
			return err
		}
		rows, err := res.RowsAffected()
		n = int(rows)
		return err
	})
	return n, err
}
