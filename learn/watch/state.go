package watch

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"dovetail/internal/fsx"
	"dovetail/learn"
)

// state is what was seen of a user's mail at the last look.
type state struct {
	Version int             `json:"version"`
	Looked  time.Time       `json:"looked"`
	Boxes   map[string]*box `json:"boxes"`
	// Rescued are messages that were taught as ham here, the latest ones.
	Rescued []string `json:"rescued,omitempty"`
}

// stateVersion is that of the files.
const stateVersion = 1

// box is what was seen of a mailbox.
type box struct {
	Changed time.Time `json:"changed"` // of the directory that was read; zero: to be read again
	Seen    records   `json:"seen"`
	// Since is the time of the last look that could read it, when later ones could not;
	// zero: it is that of the state.
	Since time.Time `json:"since,omitzero"`
}

// record is a message that was seen.
type record struct {
	name  uint64         // hash of the file's name up to the flags
	inode uint64         // with received it tells a hard link from a new file in an old place
	mtime int64          // received, ns
	hash  [hashSize]byte // begins the learn.Hash; zero while it is not known
	marks marks
}

// hashSize is as much of a learn.Hash as is kept.
const hashSize = 16

// marks are what the name of a file says that matters here.
type marks byte

const (
	deleted marks = 1 << iota // it had \Deleted, and so has left
	junk                      // keyword $Junk
	notJunk                   // keyword $NotJunk
)

// recordSize is the length of a record in the file.
const recordSize = 8 + 8 + 8 + hashSize + 1

// records are written as base64 of records of fixed length.
type records []record

func (r records) MarshalText() ([]byte, error) {
	b := make([]byte, 0, len(r)*recordSize)
	for _, m := range r {
		b = binary.BigEndian.AppendUint64(b, m.name)
		b = binary.BigEndian.AppendUint64(b, m.inode)
		b = binary.BigEndian.AppendUint64(b, uint64(m.mtime))
		b = append(b, m.hash[:]...)
		b = append(b, byte(m.marks))
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

func (r *records) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	if len(b)%recordSize != 0 {
		return fmt.Errorf("%d bytes are not whole records", len(b))
	}
	*r = make(records, 0, len(b)/recordSize)
	for ; len(b) > 0; b = b[recordSize:] {
		m := record{name: binary.BigEndian.Uint64(b), inode: binary.BigEndian.Uint64(b[8:]),
			mtime: int64(binary.BigEndian.Uint64(b[16:])), marks: marks(b[recordSize-1])}
		copy(m.hash[:], b[24:])
		*r = append(*r, m)
	}
	return nil
}

func nameHash(base string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(base))
	return h.Sum64()
}

func shortHash(h learn.Hash) (short [hashSize]byte) {
	copy(short[:], h[:])
	return short
}

func inodeOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// States keeps what was seen of each user's mail, a file for each, in a directory
// of this process alone.
type States struct {
	Dir string
	FS  fsx.FS
}

// errDamaged says that a file of the directory is not what save has written.
var errDamaged = errors.New("damaged file")

// maxStateName is the longest name of a file.
const maxStateName = 200

// path is that of a user's file. Users whose names are too long for one have it by a
// hash.
func (s States) path(user string) string {
	name := url.PathEscape(user)
	if len(name) > maxStateName {
		h := fnv.New128a()
		h.Write([]byte(user))
		name = fmt.Sprintf("%s-%x", name[:maxStateName-40], h.Sum(nil))
	}
	return filepath.Join(s.Dir, name+".json")
}

// load gives what was saved of a user, nil for nothing.
func (s States) load(user string) (*state, error) {
	text, err := s.FS.ReadFile(s.path(user))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was seen last: %w", err)
	}
	st := &state{}
	err = json.Unmarshal(text, st)
	if err == nil && st.Version != stateVersion {
		err = fmt.Errorf("version %d is not known", st.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was seen last: %s: %w: %w", s.path(user), errDamaged, err)
	}
	return st, nil
}

// save makes a user's state durable, in place of the old one.
func (s States) save(user string, st *state) error {
	text, err := json.Marshal(st)
	if err == nil {
		err = s.replace(s.path(user), text)
	}
	if err != nil {
		return fmt.Errorf("writing what was seen: %w", err)
	}
	return nil
}

func (s States) replace(path string, text []byte) error {
	tmp := path + ".tmp" // this process alone writes here
	f, err := s.FS.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.FS.Rename(tmp, path); err != nil {
		return err
	}
	return fsx.SyncDir(s.FS, s.Dir)
}
