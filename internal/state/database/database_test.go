package database_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"dovetail/internal/state/database"
	"dovetail/internal/state/sqlite"
)

var errBusy = errors.New("busy")

// While others make the database its first use waits; any other error is told at
// once, and the next use tries again.
func TestBusy(t *testing.T) {
	db, err := sqlite.Database(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var before []error
	db.Before = func() error {
		if len(before) == 0 {
			return nil
		}
		err := before[0]
		before = before[1:]
		return err
	}
	db.Busy = func(err error) bool { return errors.Is(err, errBusy) }
	use := func(ctx context.Context, tables *database.Tables) error {
		rows, err := tables.Query(ctx, `SELECT a FROM x WHERE a = $1`, 1)
		if err != nil {
			return err
		}
		defer rows.Close()
		return rows.Err()
	}
	tables := db.Tables(`CREATE TABLE x (a int)`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before = []error{errBusy, errBusy}
	if err := use(ctx, tables); !errors.Is(err, errBusy) || len(before) != 1 {
		t.Errorf("without time: %v, %d", err, len(before))
	}
	before = []error{errors.New("no"), errBusy, errBusy}
	if err := use(t.Context(), tables); err == nil || len(before) != 2 {
		t.Errorf("another error: %v, %d", err, len(before))
	}
	for range 2 { // the second time the table is there
		if err := use(t.Context(), tables); err != nil || len(before) != 0 {
			t.Errorf("%v, %d", err, len(before))
		}
	}
}
