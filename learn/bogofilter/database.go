package bogofilter

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/message"
	"dovetail/internal/program"
	"dovetail/learn"
)

// database is a user's word lists, and the rights to touch them.
type database struct {
	dir    string
	runner program.Runner
	name   string // of bogofilter
	job    program.Job
	as     func(func() error) error // does something with the user's rights
	key    []byte                   // of the words
}

// open makes the folder and the key where there are none, and locks the database.
func (d *database) open(ctx context.Context) error {
	path := filepath.Join(d.dir, keyFile)
	err := d.as(func() (err error) {
		if err := os.MkdirAll(d.dir, 0o700); err != nil {
			return fmt.Errorf("making bogofilter's folder: %w", err)
		}
		if d.key, err = readKey(path); err != nil {
			return fmt.Errorf("the key of lessons: %w", err)
		}
		d.job.Lock, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return err
	}
	if err := lock(ctx, d.job.Lock); err != nil {
		d.close()
		return fmt.Errorf("locking bogofilter's database, by %s: %w", path, err)
	}
	return nil
}

func (d *database) close() { d.job.Lock.Close() }

// lockWait is how long a lock is waited for.
const lockWait = 30 * time.Second

// errBusy is the error of a database that is not given free.
var errBusy = errors.New("a bogofilter that was started before is still at work")

// lock locks a file, where the file system has locks.
func lock(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lockWait, errBusy)
	defer cancel()
	if err := fsx.Flock(ctx, f); !fsx.HasNoLocks(err) {
		return err
	}
	return nil
}

// field is the header field that holds a message's word.
const field = "X-Dovetail-Lesson"

// word gives the word of a message. Bogofilter takes words of 3 to 30 characters, and
// makes less of those that are mostly digits: so it is letters, for 88 bits. They are made
// with a key, or a sender could put the words of other messages into one.
func (d *database) word(h learn.Hash) string {
	sum := hmac.New(sha256.New, d.key)
	sum.Write(h[:])
	letters := []byte(hex.EncodeToString(sum.Sum(nil)[:11]))
	for i, c := range letters {
		if c <= '9' {
			letters[i] = 'g' + c - '0'
		}
	}
	return string(letters)
}

// known tells as what the database knows those of the items that it knows.
func (d *database) known(ctx context.Context, items []learn.Item) (map[learn.Hash]learn.Class, error) {
	there, err := d.there()
	if err != nil || !there {
		return nil, err
	}
	var words bytes.Buffer
	hashes := make(map[string]learn.Hash, len(items))
	for _, item := range items {
		name := "head:" + d.word(item.Hash)
		hashes[name] = item.Hash
		words.WriteString(name + "\n")
	}
	// -C: bogoutil needs nothing from the configuration, which may name another database.
	out, err := d.run(ctx, "bogoutil", &words, "-C", "-w", d.dir)
	if err != nil {
		return nil, fmt.Errorf("asking bogofilter's database in %s: %w", d.dir, err)
	}
	known := map[learn.Hash]learn.Class{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line) // WORD SPAM HAM
		if len(f) != 3 {
			continue
		}
		hash, asked := hashes[f[0]]
		spam, errSpam := strconv.Atoi(f[1])
		ham, errHam := strconv.Atoi(f[2])
		switch {
		case !asked || errSpam != nil || errHam != nil:
		case spam > 0:
			known[hash] = learn.Spam
		case ham > 0:
			known[hash] = learn.Ham
		}
	}
	return known, nil
}

// there tells whether there is a database.
func (d *database) there() (there bool, err error) {
	err = d.as(func() error {
		entries, err := os.ReadDir(d.dir)
		for _, e := range entries {
			there = there || strings.HasPrefix(e.Name(), "wordlist.") // the ending is that of the kind of database
		}
		return err
	})
	return there, err
}

// learn teaches a batch, and gives those items a result that have none. The error is
// one that further batches would have too.
func (d *database) learn(ctx context.Context, way string, items []learn.Item, results []learn.Result) error {
	err := d.register(ctx, way, items)
	known, knownErr := d.known(context.WithoutCancel(ctx), items)
	if knownErr != nil {
		// What was taught comes to light at the next try.
		err = errors.Join(err, knownErr)
		failed(results, err)
		return err
	}
	for i, item := range items {
		switch {
		case known[item.Hash] != item.Class && err == nil:
			results[i].Err = fmt.Errorf("bogofilter %s ended well, but has learned nothing", way)
		case known[item.Hash] != item.Class:
			results[i].Err = err
		case way == "-s" || way == "-n":
			results[i].Outcome = learn.Learned
		default:
			results[i].Outcome = learn.Relearned
		}
	}
	return err
}

// batchFolder holds the messages of a batch while bogofilter runs, in the folder of the
// database. What a crash leaves there goes with the next batch: no two are at once.
const batchFolder = "dovetail-batch"

// register runs bogofilter for a batch.
func (d *database) register(ctx context.Context, way string, items []learn.Item) (err error) {
	folder := filepath.Join(d.dir, batchFolder)
	var list bytes.Buffer
	defer func() {
		err = errors.Join(err, d.as(func() error { return os.RemoveAll(folder) }))
	}()
	err = d.as(func() error {
		err := os.RemoveAll(folder)
		if err == nil {
			err = os.Mkdir(folder, 0o700)
		}
		for i := 0; err == nil && i < len(items); i++ {
			name := filepath.Join(folder, strconv.Itoa(i))
			list.WriteString(name + "\n")
			err = write(name, d.word(items[i].Hash), items[i].Message)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("writing messages for bogofilter: %w", err)
	}
	_, err = d.run(ctx, d.name, &list, "-d", d.dir, "-b", way)
	return err
}

func write(name, word string, m *message.Message) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fs.FileMode(0o600))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, io.MultiReader(strings.NewReader(field+": "+word+"\n"), m.Open()))
	return errors.Join(err, f.Close())
}

// run runs one of bogofilter's programs. Its being killed or its complaint is an error.
func (d *database) run(ctx context.Context, name string, input io.Reader, args ...string) (string, error) {
	var out bytes.Buffer
	job := d.job
	job.Name, job.Args, job.Input, job.Output = name, args, input, &out
	res, err := d.runner.Run(ctx, job)
	said := strings.Join(strings.Fields(res.Stderr), " ")
	switch {
	case err != nil && said != "":
		return "", fmt.Errorf("%w: %s", err, said)
	case err != nil:
		return "", err
	case res.Status != 0:
		return "", fmt.Errorf("%s ended with status %d: %s", name, res.Status, said)
	}
	return out.String(), nil
}
