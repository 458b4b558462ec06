// Package postgres keeps a state store in a PostgreSQL database, for machines
// that deliver into one shared storage. The user needs the right to create a
// table (seen) in its schema, or to use one that is there.
package postgres

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"dovetail/internal/state/table"
)

var dialect = table.Dialect{
	// CREATE … IF NOT EXISTS of two sessions at once may fail for one of them.
	SchemaLock: `SELECT pg_advisory_xact_lock(hashtext('dovetail state'))`,
	Schema: []string{
		`CREATE TABLE IF NOT EXISTS seen (key bytea PRIMARY KEY, expires bigint NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS seen_expires ON seen (expires)`,
	},
	Seen: `SELECT 1 FROM seen WHERE key = $1 AND expires > $2`,
	Claim: `INSERT INTO seen (key, expires) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET expires = excluded.expires WHERE seen.expires <= $3`,
	Mark:    `INSERT INTO seen (key, expires) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET expires = excluded.expires`,
	Release: `DELETE FROM seen WHERE key = $1`,
	Sweep:   `DELETE FROM seen WHERE expires <= $1`,
	// Rows that others are at work on are left to them: waiting here, with a row
	// of our own locked, could be a deadlock.
	SweepSome: `DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE expires <= $1 LIMIT 4 FOR UPDATE SKIP LOCKED)`,
}

// maxConnections bounds the connections of one process.
const maxConnections = 8

// Open gives the store at url, as postgres://user:password@host/database or in
// any other form that libpq knows; its variables (PGPASSFILE, …) count too. It
// connects at the first use: an error tells only of a bad url.
func Open(url string, now func() time.Time) (*table.Store, error) {
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
	return table.New(db, dialect, now), nil
}
