// Package sqlite opens a database, or a state store, in one file of SQLite: the
// default.
//
// The file is in WAL mode (two more files, NAME-wal and NAME-shm, stand beside it
// while it is in use), and every change is synced to disk before it counts.
// Processes of one machine may share it, those of several machines may not: it
// must not lie on a network file system. A process waits for the others up to
// ten seconds.
package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // the driver "sqlite", too
	sqlite3 "modernc.org/sqlite/lib"

	"dovetail/internal/state/database"
	"dovetail/internal/state/table"
)

// busyTimeout is how long one process waits for another one's change.
const busyTimeout = 10 * time.Second

// Open gives the store in the file path: see Database.
func Open(path string, now func() time.Time) (*table.Store, error) {
	db, err := Database(path)
	if err != nil {
		return nil, err
	}
	return table.New(db, now), nil
}

// Database gives the database in the file path, which is made when it is missing,
// with its folder. It is opened at the first use, so that an error of the file is
// one of that use.
func Database(path string) (*database.DB, error) {
	if path == "" {
		return nil, errors.New("state: no file is named")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	options := url.Values{
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"}, // never read first and then find that another process wrote
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: abs, RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	// One connection is enough: SQLite has one writer, and who waits for it in
	// here waits in order.
	db.SetMaxOpenConns(1)
	return database.New(db, database.Options{
		Before: func() error { return prepare(abs) },
		Blob:   "BLOB",
		ByKey:  " WITHOUT ROWID",
		Busy:   busy,
	}), nil
}

// prepare makes the file, and its folder, where they are missing. Whom the umask lets may
// share it, others may not: it has names of users and of their mailboxes.
func prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o660)
	if err != nil {
		return err
	}
	return f.Close()
}

// busy tells of the error that a change to WAL mode gives at once, without
// waiting, while another process makes the same change.
func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}
