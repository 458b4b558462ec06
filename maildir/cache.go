package maildir

import (
	"os"
	"sync"
	"time"
)

// Cache is what the stores of a process share: buffers, and what is known of
// folders from earlier deliveries. It is bounded, and a store without one works
// the same. It is safe for concurrent use.
type Cache struct {
	host    func() (string, error)
	buffers sync.Pool

	mu       sync.Mutex
	keywords map[string]cachedKeywords
	cleaned  map[string]time.Time // tmp directories and when they were looked at
}

// maxCached bounds each map of a Cache; a full one is emptied.
const maxCached = 1 << 14

// bufferSize is the size of one write of a message.
const bufferSize = 128 << 10

type cachedKeywords struct {
	file  fileState
	table keywordTable
}

// NewCache makes an empty Cache.
func NewCache() *Cache {
	return &Cache{
		host:     sync.OnceValues(os.Hostname),
		buffers:  sync.Pool{New: func() any { return new([bufferSize]byte) }},
		keywords: map[string]cachedKeywords{},
		cleaned:  map[string]time.Time{},
	}
}

func (c *Cache) keywordsOf(path string, file fileState) (keywordTable, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.keywords[path]
	return known.table, ok && known.file == file
}

func (c *Cache) setKeywords(path string, file fileState, table keywordTable) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.keywords) >= maxCached {
		clear(c.keywords)
	}
	c.keywords[path] = cachedKeywords{file, table}
}

// cleanedSince tells whether dir was looked at after t; if not, it is now.
func (c *Cache) cleanedSince(dir string, t, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.cleaned[dir]; ok && last.After(t) {
		return true
	}
	if len(c.cleaned) >= maxCached {
		clear(c.cleaned)
	}
	c.cleaned[dir] = now
	return false
}
