package setup

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"dovetail/internal/config"
	"dovetail/internal/mailerr"
	"dovetail/internal/state"
	"dovetail/internal/state/mem"
	"dovetail/internal/state/postgres"
	"dovetail/internal/state/sqlite"
)

// Memory is the state store of a program ([state] url). It lives as long as the
// program: when the configuration is read again, the store stays the same as
// long as the url does.
type Memory struct {
	mu     sync.Mutex
	stores map[string]state.Store
}

// Open gives the store that c names. Without a url it is in memory. A store that
// cannot be reached is no error: each use of it tells.
func (m *Memory) Open(c *config.Config) (state.Store, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	url := c.State.URL
	if s := m.stores[url]; s != nil {
		return s, nil
	}
	s, err := openState(url)
	if err != nil {
		e := mailerr.Temp(fmt.Errorf("%s: state.url: %w", c.Origin("state.url"), err), "Configuration error")
		e.Exit = mailerr.ExConfig
		return nil, e
	}
	if m.stores == nil {
		m.stores = map[string]state.Store{}
	}
	m.stores[url] = s // sessions under way may still use one of another url
	return s, nil
}

func openState(url string) (state.Store, error) {
	scheme, path, _ := strings.Cut(url, ":")
	switch scheme {
	case "":
		return mem.New(time.Now), nil
	case "sqlite":
		return sqlite.Open(path, time.Now)
	case "postgres", "postgresql":
		return postgres.Open(url, time.Now)
	}
	return nil, fmt.Errorf("%q is neither sqlite:PATH nor postgres://…", url)
}

// Close closes all stores.
func (m *Memory) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.stores {
		_ = s.Close() // all that counts is on disk already
	}
	m.stores = nil
}
