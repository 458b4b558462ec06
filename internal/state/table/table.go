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
	"sync"
	"time"

	"dovetail/internal/state"
)

// Dialect is what differs between databases. The statements have the arguments
// (key, expires, now) as far as they are in their names.
type Dialect struct {
	Before     func() error // called before the first use; nil for nothing
	Schema     []string     // makes what is missing
	Seen       string       // key, now: a row, if remembered
	Claim      string       // key, expires, now: changes a row, if won
	Mark       string       // key, expires
	Release    string       // key
	Sweep      string       // now: all whose time is over
	SweepSome  string       // now: a few of them
	SchemaLock string       // run before Schema in one transaction; may be empty
}

// Store is a state.Store.
type Store struct {
	db  *sql.DB
	sql Dialect
	now func() time.Time

	mu   sync.Mutex
	made bool // the table is there
}

// New makes a store; nothing is asked of the database yet.
func New(db *sql.DB, d Dialect, now func() time.Time) *Store {
	return &Store{db: db, sql: d, now: now}
}

// transact runs f in a transaction, the schema in place.
func (s *Store) transact(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	if err := s.make(ctx); err != nil {
		return fmt.Errorf("state: preparing the database: %w", err)
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("state: %s: %w", what, err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error is f's
	if err := f(tx); err != nil {
		return fmt.Errorf("state: %s: %w", what, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("state: %s: %w", what, err)
	}
	return nil
}

// make makes the table once.
func (s *Store) make(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made {
		return nil
	}
	if s.sql.Before != nil {
		if err := s.sql.Before(); err != nil {
			return err
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // as above
	statements := s.sql.Schema
	if s.sql.SchemaLock != "" {
		statements = append([]string{s.sql.SchemaLock}, statements...)
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.made = true
	return nil
}

// Seen is state.Store's.
func (s *Store) Seen(ctx context.Context, key state.Key) (bool, error) {
	if err := s.make(ctx); err != nil {
		return false, fmt.Errorf("state: preparing the database: %w", err)
	}
	var one int
	err := s.db.QueryRowContext(ctx, s.sql.Seen, key[:], s.now().UnixMilli()).Scan(&one)
	if err == sql.ErrNoRows {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("state: looking up: %w", err)
	}
	return true, nil
}

// Claim is state.Store's.
func (s *Store) Claim(ctx context.Context, key state.Key, ttl time.Duration) (won bool, err error) {
	err = s.transact(ctx, "claiming", func(tx *sql.Tx) error {
		now := s.now()
		res, err := tx.ExecContext(ctx, s.sql.Claim, key[:], now.Add(ttl).UnixMilli(), now.UnixMilli())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		won = true
		_, err = tx.ExecContext(ctx, s.sql.SweepSome, now.UnixMilli())
		return err
	})
	return won && err == nil, err
}

// Mark is state.Store's.
func (s *Store) Mark(ctx context.Context, key state.Key, ttl time.Duration) error {
	return s.transact(ctx, "marking", func(tx *sql.Tx) error {
		now := s.now()
		if _, err := tx.ExecContext(ctx, s.sql.Mark, key[:], now.Add(ttl).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, s.sql.SweepSome, now.UnixMilli())
		return err
	})
}

// Release is state.Store's.
func (s *Store) Release(ctx context.Context, key state.Key) error {
	return s.transact(ctx, "releasing", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.sql.Release, key[:])
		return err
	})
}

// Sweep is state.Store's.
func (s *Store) Sweep(ctx context.Context) (n int, err error) {
	err = s.transact(ctx, "sweeping", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, s.sql.Sweep, s.now().UnixMilli())
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
