// Package database is the SQL database that [state] names: one pool of
// connections for everybody who keeps tables in it. SQLite and PostgreSQL are
// opened by the packages sqlite and postgres beside it.
//
// Tables are made where they are missing, at the first use that reaches the
// database: a database that is down when a program starts is no error.
package database

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"
)

// Options are what differs between databases.
type Options struct {
	Before     func() error // called before tables are made; nil for nothing
	SchemaLock string       // run before tables are made, in one transaction; may be empty
	Blob       string       // the type of byte strings
	ByKey      string       // ends CREATE TABLE where rows are to be kept in the order of their key; may be empty
	// SkipLocked ends a SELECT whose rows are to be deleted, so that it leaves those
	// that others are at work on: waiting for them, with a row of our own locked,
	// could be a deadlock. Empty where there is one writer at a time.
	SkipLocked string
	// Busy tells of an error of the first use that it goes by itself, because another
	// process makes the database right now; nil: there is none.
	Busy func(error) bool
	// Broken tells of the error of a question, or of the beginning of a transaction,
	// that a connection of the pool has ended since it was last used, so that
	// another one may do better; nil: none does. After a restart of the server all of
	// the pool are so.
	Broken func(error) bool
}

// DB is a database. Statements have their arguments as $1, $2, …: both kinds of
// database take those.
type DB struct {
	Options
	pool *sql.DB
}

// New makes a DB of a pool; nothing is asked of the database yet.
func New(pool *sql.DB, o Options) *DB { return &DB{Options: o, pool: pool} }

// Close closes the pool, for all that use it.
func (d *DB) Close() error { return d.pool.Close() }

const (
	busyPause = 20 * time.Millisecond
	busyTime  = 10 * time.Second
)

// Tables are the tables of one user of the database.
type Tables struct {
	db     *DB
	schema []string

	mu   sync.Mutex
	made bool
}

// Tables gives access to tables that the statements of schema make unless they
// are there (CREATE … IF NOT EXISTS).
func (d *DB) Tables(schema ...string) *Tables { return &Tables{db: d, schema: schema} }

// Query asks, the tables in place.
func (t *Tables) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.make(ctx); err != nil {
		return nil, err
	}
	var rows *sql.Rows
	err := t.db.connected(func() (err error) { rows, err = t.db.pool.QueryContext(ctx, query, args...); return err })
	return rows, err
}

// Transact runs f in a transaction, the tables in place. What f did is undone
// when it gives an error.
func (t *Tables) Transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	if err := t.make(ctx); err != nil {
		return err
	}
	return t.db.transact(ctx, f)
}

func (d *DB) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	var tx *sql.Tx
	err := d.connected(func() (err error) { tx, err = d.pool.BeginTx(ctx, nil); return err })
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error is f's
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// connected calls f until it meets no broken connection: at most as often as the pool has
// connections, and once more.
func (d *DB) connected(f func() error) error {
	err := f()
	for range d.pool.Stats().MaxOpenConnections {
		if err == nil || d.Broken == nil || !d.Broken(err) {
			break
		}
		err = f()
	}
	return err
}

// make makes the tables once.
func (t *Tables) make(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made {
		return nil
	}
	end := time.Now().Add(busyTime)
	err := t.create(ctx)
	for err != nil && ctx.Err() == nil && t.db.Busy != nil && t.db.Busy(err) && time.Now().Before(end) {
		time.Sleep(busyPause)
		err = t.create(ctx)
	}
	if err != nil {
		return fmt.Errorf("preparing the database: %w", err)
	}
	t.made = true
	return nil
}

func (t *Tables) create(ctx context.Context) error {
	d := t.db
	if d.Before != nil {
		if err := d.Before(); err != nil {
			return err
		}
	}
	statements := t.schema
	if d.SchemaLock != "" {
		statements = append([]string{d.SchemaLock}, statements...)
	}
	return d.transact(ctx, func(tx *sql.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}
