package builtin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// schemaVersion is SQLite's user_version of the files that this package makes.
const schemaVersion = 1

// schema makes the tables. Of users the one without a name is the site: its counts
// and its tokens are those of all lessons; changes counts the transactions that
// changed a user's counts. keyOf has the keys of tokens. classSpam and classHam are
// the classes; the tokens of a lesson are eight bytes each.
var schema = []string{
	`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
		spam INTEGER NOT NULL, ham INTEGER NOT NULL, changes INTEGER NOT NULL)`,
	`CREATE TABLE tokens (key INTEGER PRIMARY KEY, spam INTEGER NOT NULL, ham INTEGER NOT NULL)`,
	`CREATE TABLE lessons (id INTEGER PRIMARY KEY, user INTEGER NOT NULL, hash BLOB NOT NULL, class INTEGER NOT NULL,
		at INTEGER NOT NULL, tokens BLOB NOT NULL, UNIQUE (user, hash))`,
	`CREATE INDEX lessons_age ON lessons (user, class, at)`,
	`INSERT INTO users (id, name, spam, ham, changes) VALUES (0, '', 0, 0, 0)`,
	fmt.Sprintf(`PRAGMA user_version = %d`, schemaVersion),
}

// siteID is the id of the site among the users.
const siteID = 0

const (
	// busyTimeout is how long one process waits for another one's change.
	busyTimeout = 10 * time.Second
	// connections are those of one process: SQLite has one writer, and readers
	// do not wait for it.
	connections = 4
)

// store is the file.
type store struct {
	path string
	db   *sql.DB

	mu   sync.Mutex
	made bool // the tables are there

	users *sql.Stmt // known's, which every message asks; set when made
}

// newStore gives the store in the file path, which is opened at its first use.
func newStore(path string) (*store, error) {
	abs, err := filepath.Abs(path)
	if path == "" || err != nil {
		return nil, fmt.Errorf("builtin classifier: no file is named (%q)", path)
	}
	options := url.Values{
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-8000)"},
		"_txlock": {"immediate"}, // never read first and then find that another process wrote
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: abs, RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("builtin classifier: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &store{path: abs, db: db}, nil
}

// ready makes sure that file and tables are there.
func (s *store) ready(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made {
		return nil
	}
	if err := s.file(); err != nil {
		return err
	}
	version := 0
	if err := s.db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return fmt.Errorf("opening %s: %w", s.path, err)
	}
	if version == 0 {
		if err := s.create(ctx); err != nil {
			return fmt.Errorf("preparing %s: %w", s.path, err)
		}
	} else if version != schemaVersion {
		return fmt.Errorf("%s: its format is %d, this program knows %d", s.path, version, schemaVersion)
	}
	// It lives as long as db.
	users, err := s.db.PrepareContext(ctx, `SELECT id, spam, ham, changes FROM users WHERE name IN ('', ?)`)
	if err != nil {
		return fmt.Errorf("opening %s: %w", s.path, err)
	}
	s.users, s.made = users, true
	return nil
}

// file makes the file when it is missing: readable by its owner alone, since the
// words of people's mail can be asked of it. SQLite gives its other files the same
// rights. A file that is there is not opened here, because closing it would take
// away the locks that this process has on it (fcntl(2)).
func (s *store) file() error {
	err := unix.Faccessat(unix.AT_FDCWD, s.path, unix.R_OK|unix.W_OK, unix.AT_EACCESS)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "open", Path: s.path, Err: err}
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // another process was first
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// create makes the tables, unless another process was first.
func (s *store) create(ctx context.Context) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		version := 0
		if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil || version != 0 {
			return err
		}
		for _, statement := range schema {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// transact runs f in a transaction that writes.
func (s *store) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error is f's
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
