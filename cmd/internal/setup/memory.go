package setup

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"dovetail/expire/seen"
	"dovetail/internal/config"
	"dovetail/internal/mailerr"
	"dovetail/internal/state"
	"dovetail/internal/state/database"
	"dovetail/internal/state/mem"
	"dovetail/internal/state/postgres"
	"dovetail/internal/state/sqlite"
	"dovetail/internal/state/table"
	"dovetail/learn"
	"dovetail/learn/builtin"
	"dovetail/learn/ledger"
)

// Memory is what a program remembers ([state] url): one database for all. It
// lives as long as the program: when the configuration is read again, it stays the
// same as long as the url does.
type Memory struct {
	mu     sync.Mutex
	opened map[string]memory

	classifiers map[config.Builtin]*builtin.Classifier
}

type memory struct {
	store  state.Store
	ledger learn.Ledger
	stamps *seen.Stamps // nil without a database
}

// Open gives the state store that c names. Without a url it is in memory. A store
// that cannot be reached is no error: each use of it tells.
func (m *Memory) Open(c *config.Config) (state.Store, error) {
	opened, err := m.open(c)
	return opened.store, err
}

// Ledger gives the learn ledger in the same database.
func (m *Memory) Ledger(c *config.Config) (learn.Ledger, error) {
	opened, err := m.open(c)
	return opened.ledger, err
}

// Stamps gives the first-seen stamps in the same database; nil without one.
func (m *Memory) Stamps(c *config.Config) (*seen.Stamps, error) {
	opened, err := m.open(c)
	return opened.stamps, err
}

func (m *Memory) open(c *config.Config) (memory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	url := c.State.URL
	if opened, ok := m.opened[url]; ok {
		return opened, nil
	}
	opened, err := openMemory(url)
	if err != nil {
		e := mailerr.Temp(fmt.Errorf("%s: state.url: %w", c.Origin("state.url"), err), "Configuration error")
		e.Exit = mailerr.ExConfig
		return memory{}, e
	}
	if m.opened == nil {
		m.opened = map[string]memory{}
	}
	m.opened[url] = opened // what is under way may still use one of another url
	return opened, nil
}

func openMemory(url string) (memory, error) {
	if url == "" {
		return memory{store: mem.New(time.Now), ledger: ledger.NewMem()}, nil
	}
	db, err := openDatabase(url)
	if err != nil {
		return memory{}, err
	}
	return memory{state.NewBreaker(table.New(db, time.Now), time.Now), ledger.New(db), seen.New(db, time.Now)}, nil
}

func openDatabase(url string) (*database.DB, error) {
	scheme, path, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return sqlite.Database(path)
	case "postgres", "postgresql":
		return postgres.Database(url)
	}
	return nil, fmt.Errorf("%q is neither sqlite:PATH nor postgres://…", url)
}

// Close closes all of it.
func (m *Memory) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, opened := range m.opened {
		_ = opened.store.Close() // the database's; all that counts is on disk already
	}
	for _, c := range m.classifiers {
		_ = c.Close()
	}
	m.opened, m.classifiers = nil, nil
}
