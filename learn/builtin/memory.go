package builtin

import (
	"context"
	"sync"
)

const (
	// maxInMemory bounds the tokens that are kept in memory, of all users together.
	maxInMemory = 500_000
	// lookupsWorth is how many rows can be read one after the other in the time that the
	// tokens of one message take to be looked up in the file.
	lookupsWorth = 400
	// lessonTokens is about how many tokens a lesson adds to a vocabulary.
	lessonTokens = 50
)

// memory keeps vocabularies that are asked for often. One is read from the file
// when as much time has gone into looking up single tokens as reading all of it
// takes, and until then, and as soon as it has changed, tokens are looked up in the
// file. So nobody gets old counts, a process that judges one message reads no more
// than it needs, and a site that learns all the time does not read all the time.
type memory struct {
	store *store
	ctx   context.Context // of the loads
	stop  context.CancelFunc
	loads sync.WaitGroup

	mu    sync.Mutex
	users map[int64]*remembered
	size  int // tokens
}

// remembered is the vocabulary of a user.
type remembered struct {
	changes int64  // of the file, when it was read
	counts  *table // nil: it was not read
	asked   int    // lookups in the file since
	loading bool
}

// tokens is how many are in memory.
func (r *remembered) tokens() int {
	if r.counts == nil {
		return 0
	}
	return r.counts.used
}

func newMemory(s *store) *memory {
	ctx, stop := context.WithCancel(context.Background())
	return &memory{store: s, ctx: ctx, stop: stop, users: map[int64]*remembered{}}
}

func (m *memory) close() {
	m.stop()
	m.loads.Wait()
}

// lookUp gives the counts of tokens for a user with so many lessons, after so many
// changes, in their order.
func (m *memory) lookUp(ctx context.Context, user int64, lessons counts, changes int64, tokens []token) ([]counts, error) {
	vocabulary := m.find(user, lessons, changes)
	if vocabulary == nil {
		return m.store.lookUp(ctx, user, tokens)
	}
	found := make([]counts, len(tokens))
	for i, t := range tokens {
		found[i] = vocabulary.get(keyOf(user, t))
	}
	return found, nil
}

// find gives the vocabulary of a user if it is there; else it may begin to read it.
func (m *memory) find(user int64, lessons counts, changes int64) *table {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.users[user]
	if r == nil {
		r = &remembered{}
		m.users[user] = r
	}
	if r.counts != nil && r.changes == changes {
		return r.counts
	}
	r.asked++
	rows := max(r.tokens(), int(lessons.spam+lessons.ham)*lessonTokens)
	if !r.loading && rows <= maxInMemory && r.asked > rows/lookupsWorth {
		r.loading = true
		m.loads.Go(func() { m.load(user) })
	}
	return nil
}

// load reads a vocabulary. When that fails, tokens are looked up in the file as before.
func (m *memory) load(user int64) {
	counts, changes, err := m.store.vocabulary(m.ctx, user, maxInMemory)
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.users[user]
	if r == nil { // it was dropped meanwhile
		return
	}
	r.loading, r.asked = false, 0
	if err != nil || counts == nil {
		return
	}
	m.size += counts.used - r.tokens()
	r.counts, r.changes = counts, changes
	if m.size > maxInMemory { // begin anew with this one
		m.users, m.size = map[int64]*remembered{user: r}, counts.used
	}
}
