// Package postgres opens a database, or a state store, on a PostgreSQL server, for
// machines that deliver into one shared storage. The user needs the right to create
// tables (seen, taught) in its schema.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"dovetail/internal/state/database"
	"dovetail/internal/state/table"
)

// maxConnections bounds the connections of one process.
const maxConnections = 8

// Open gives the store at url: see Database.
func Open(url string, now func() time.Time) (*table.Store, error) {
	db, err := Database(url)
	if err != nil {
		return nil, err
	}
	return table.New(db, now), nil
}

// Database gives the database at url, as postgres://user:password@host/database or
// in any other form that libpq knows; its variables (PGPASSFILE, …) count too. It
// connects at the first use: an error tells only of a bad url.
func Database(url string) (*database.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err) // it tells no password
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	var db *sql.DB = stdlib.OpenDB(*config)
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return database.New(db, database.Options{
		// CREATE … IF NOT EXISTS of two sessions at once may fail for one of them.
		SchemaLock: `SELECT pg_advisory_xact_lock(hashtext('dovetail state'))`,
		Blob:       "bytea",
		SkipLocked: " FOR UPDATE SKIP LOCKED",
		Broken:     broken,
	}), nil
}

// broken tells whether an error is that of a connection that the server has ended.
func broken(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false // of a new one
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(e.Code, "57P") // ADMIN SHUTDOWN, CRASH SHUTDOWN, …
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}
