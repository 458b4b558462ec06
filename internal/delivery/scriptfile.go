package delivery

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"dovetail/internal/fsx"
	"dovetail/sieve"
)

// The bounds of what is kept: so many scripts, and so many bytes of compiled ones,
// about. Beyond them some are dropped, whichever come to hand first, so that with
// more scripts in use than there is room for most of those in memory are still
// found. Scripts of the site stay: their last good version must.
const (
	maxCached = 20000
	maxMemory = 256 << 20
)

// memoryOf gives the bytes that a compiled script takes, about (measured: 1 KiB for
// a rule of 70 bytes).
func memoryOf(text int64) int64 { return 4<<10 + 15*text }

// racy is the age below which a file that is read may change and keep its times:
// two writes may fall into one tick of the file system's clock.
const racy = 2 * time.Second

// scriptCache keeps scripts compiled: by path, as long as the file stays the
// same, and by content, so that the same script of many users is one program.
type scriptCache struct {
	compile func(name string, src []byte, global bool, from sieve.Source) (*sieve.Program, error)
	maxSize int64
	now     func() time.Time
	broken  func(path string, err error)

	mu      sync.Mutex
	files   map[string]*scriptFile
	byText  map[textKey]*compiledText
	memory  int64                  // of what files have
	most    int64                  // bound of memory
	globals map[string]*globalText // included scripts of the site
}

type textKey struct {
	sum    [sha256.Size]byte
	name   string
	global bool
}

// scriptFile is what is known of one path.
type scriptFile struct {
	id   fileID
	sum  [sha256.Size]byte
	text *compiledText // the last version that compiled; nil when none did
	err  error         // why the present version does not compile
	deps []dependency  // what it includes
	site bool
}

// prog gives the program; nil when there is none.
func (f *scriptFile) prog() *sieve.Program {
	if f.text == nil {
		return nil
	}
	return f.text.prog
}

// compiledText is a program, for all files with its text.
type compiledText struct {
	prog   *sieve.Program
	key    textKey
	shared bool  // with all that have the key
	memory int64 // about
	files  int   // that have it
}

type fileID struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
}

func identify(st fs.FileInfo) fileID {
	sys := st.Sys().(*syscall.Stat_t)
	return fileID{uint64(sys.Dev), sys.Ino, sys.Size, sys.Mtim, sys.Ctim}
}

func (id fileID) older(than time.Time) bool {
	return time.Unix(id.ctime.Unix()).Before(than)
}

// errBroken says that a script does not compile; it wraps what is wrong with it.
type errBroken struct{ error }

func (e errBroken) Unwrap() error { return e.error }

// load gives the compiled script at path, called with the rights to read it.
// changed tells that it is another one, or broken now. The error is fs.ErrNotExist's for a missing
// script, errBroken for one that does not compile; the program is the last
// good version then, if there was one. What it includes is part of it, and comes
// from in.
func (c *scriptCache) load(path string, global bool, in folders) (prog *sieve.Program, changed bool, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, false, fmt.Errorf("script %s: %w", path, err)
	}
	id := identify(st)
	c.mu.Lock()
	known := c.files[path]
	c.mu.Unlock()
	fresh := known != nil && c.fresh(known.deps)
	if fresh && known.id == id {
		return known.prog(), false, known.err
	}
	src, id, err := c.read(path)
	if err != nil {
		return nil, false, fmt.Errorf("script %s: %w", path, err)
	}
	sum := sha256.Sum256(src)
	if fresh && known.sum == sum {
		c.remember(path, &scriptFile{id: id, sum: sum, text: known.text, err: known.err, deps: known.deps, site: global})
		return known.prog(), false, known.err
	}
	from := &includer{cache: c, folders: in}
	f := &scriptFile{id: id, sum: sum, site: global}
	f.text, f.err = c.compiled(path, src, sum, global, from)
	if from.err != nil {
		return nil, false, from.err
	}
	f.deps = from.deps
	if f.err != nil && known != nil {
		f.text = known.text
	}
	c.remember(path, f)
	changed = known == nil || known.sum != sum || known.err == nil
	return f.prog(), changed, f.err
}

// read reads a script. It gives the id of no file for one that has changed so lately
// that a further change might not show, so that the next load reads it again.
func (c *scriptCache) read(path string) ([]byte, fileID, error) {
	before := c.now()
	f, st, err := fsx.OpenRegular(fsx.OS{}, path, os.O_RDONLY, 0)
	if errors.Is(err, fsx.ErrIrregular) {
		return nil, fileID{}, errBroken{err}
	}
	if err != nil {
		return nil, fileID{}, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, c.maxSize+1))
	if err != nil {
		return nil, fileID{}, err
	}
	if int64(len(src)) > c.maxSize {
		return nil, fileID{}, errBroken{fmt.Errorf("larger than the %d bytes of sieve_max_script_size", c.maxSize)}
	}
	id := identify(st)
	if !id.older(before.Add(-racy)) {
		id = fileID{}
	}
	return src, id, nil
}

// compiled compiles src, or finds it compiled for another user. The name is part
// of what is shared, since messages and the log show it.
func (c *scriptCache) compiled(path string, src []byte, sum [sha256.Size]byte, global bool, from *includer) (*compiledText, error) {
	key := textKey{sum, scriptName(path), global}
	c.mu.Lock()
	t := c.byText[key]
	c.mu.Unlock()
	if t != nil {
		return t, nil
	}
	p, err := c.compile(key.name, src, global, from)
	if err != nil {
		return nil, errBroken{err}
	}
	return &compiledText{
		prog: p, key: key, memory: memoryOf(int64(len(src)) + from.size),
		shared: len(from.deps) == 0, // otherwise another user's may include something else
	}, nil
}

func (c *scriptCache) remember(path string, f *scriptFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := f.text; t != nil {
		if t.files++; t.files == 1 {
			c.memory += t.memory
		}
		if t.shared {
			c.byText[t.key] = t
		}
	}
	c.forget(path)
	c.files[path] = f
	for other, old := range c.files {
		if len(c.files) <= maxCached && c.memory <= c.most {
			return
		}
		if !old.site && other != path {
			c.forget(other)
		}
	}
}

// forget drops a file, and its program where no other file has it.
func (c *scriptCache) forget(path string) {
	f := c.files[path]
	delete(c.files, path)
	if f == nil || f.text == nil {
		return
	}
	t := f.text
	if t.files--; t.files > 0 {
		return
	}
	c.memory -= t.memory
	if c.byText[t.key] == t {
		delete(c.byText, t.key)
	}
}

// scriptName is how a script is called in messages: its file name without ".sieve".
func scriptName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".sieve")
}

// scriptsAt gives the scripts that a path stands for: a file, or a directory's
// *.sieve files in the order of their names. A path that is not there stands for none.
func scriptsAt(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, syscall.ENOTDIR):
		return []string{path}, nil
	case err != nil:
		return nil, fmt.Errorf("reading scripts: %w", err)
	}
	var files []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".sieve") && !e.IsDir() {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}
