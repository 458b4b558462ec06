// Package table keeps a state store in a table of an SQL database:
//
//	seen(key: 32 bytes, primary key; expires: milliseconds since 1970)
//
// The table is made where it is missing, at the first use that reaches the
// database. Times are those of the machine that asks: machines that share a
// database need clocks that agree to within what a few seconds matter.
package table

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"dovetail/internal/state"
	"dovetail/internal/state/database"
)

const (
	seenSQL  = `SELECT 1 FROM seen WHERE key = $1 AND expires > $2`
	claimSQL = `INSERT INTO seen (key, expires) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET expires = excluded.expires WHERE seen.expires <= $3`
	markSQL    = `INSERT INTO seen (key, expires) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET expires = excluded.expires`
	releaseSQL = `DELETE FROM seen WHERE key = $1`
	sweepSQL   = `DELETE FROM seen WHERE expires <= $1`
)

// Store is a state.Store.
type Store struct {
	db        *database.DB
	seen      *database.Tables
	sweepSome string
	now       func() time.Time
}

// New makes a store; nothing is asked of the database yet. Close of the store
// closes the database.
func New(db *database.DB, now func() time.Time) *Store {
	return &Store{
		db: db, now: now,
		seen: db.Tables(
			`CREATE TABLE IF NOT EXISTS seen (key `+db.Blob+` PRIMARY KEY, expires bigint NOT NULL)`+db.ByKey,
			`CREATE INDEX IF NOT EXISTS seen_expires ON seen (expires)`,
		),
		sweepSome: `DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE expires <= $1 LIMIT 4` + db.SkipLocked + `)`,
	}
}

func (s *Store) transact(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	if err := s.seen.Transact(ctx, f); err != nil {
		return fmt.Errorf("state: %s: %w", what, err)
	}
	return nil
}

// Seen is state.Store's.
func (s *Store) Seen(ctx context.Context, key state.Key) (seen bool, err error) {
	rows, err := s.seen.Query(ctx, seenSQL, key[:], s.now().UnixMilli())
	if err != nil {
		return false, fmt.Errorf("state: looking up: %w", err)
	}
	defer rows.Close()
	seen = rows.Next()
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("state: looking up: %w", err)
	}
	return seen, nil
}

// Claim is state.Store's.
func (s *Store) Claim(ctx context.Context, key state.Key, ttl time.Duration) (won bool, err error) {
	err = s.transact(ctx, "claiming", func(tx *sql.Tx) error {
		now := s.now()
		res, err := tx.ExecContext(ctx, claimSQL, key[:], now.Add(ttl).UnixMilli(), now.UnixMilli())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		won = true
		_, err = tx.ExecContext(ctx, s.sweepSome, now.UnixMilli())
		return err
	})
	return won && err == nil, err
}

// Mark is state.Store's.
func (s *Store) Mark(ctx context.Context, key state.Key, ttl time.Duration) error {
	return s.transact(ctx, "marking", func(tx *sql.Tx) error {
		now := s.now()
		if _, err := tx.ExecContext(ctx, markSQL, key[:], now.Add(ttl).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, s.sweepSome, now.UnixMilli())
		return err
	})
}

// Release is state.Store's.
func (s *Store) Release(ctx context.Context, key state.Key) error {
	return s.transact(ctx, "releasing", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, releaseSQL, key[:])
		return err
	})
}

// Sweep is state.Store's.
func (s *Store) Sweep(ctx context.Context) (n int, err error) {
	err = s.transact(ctx, "sweeping", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, sweepSQL, s.now().UnixMilli())
		if err != nil {
			return err
		}
		rows, err := res.RowsAffected()
		n = int(rows)
		return err
	})
	return n, err
}

// Close is state.Store's.
func (s *Store) Close() error { return s.db.Close() }
