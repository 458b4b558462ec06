package maildir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// Scan is a mailbox at one time as names tell it, in the order of UIDs. No message is
// looked at before somebody asks, so that reading a large mailbox costs little.
type Scan struct {
	Mailbox string
	ID      string // the mailbox's id, "" where Dovecot has not given one yet

	store    *Store
	folder   folder
	keywords keywordTable
	list     *listing
	order    []spot
	given    int                    // how many of them have a UID
	dirs     [len(readParts)]string // each with a slash behind it
}

// spot is where a message's name is in a listing.
type spot struct {
	uid   uint32
	index uint32
	part  uint8
}

// Found is one message of a Scan.
type Found struct {
	Seq uint32 // its number in the mailbox, from 1
	// UID is the one that Dovecot has given it, or where Given is false the one that
	// it will give when nothing else happens to the mailbox before.
	UID    uint32
	Given  bool
	Recent bool // no IMAP client has seen it, as far as names tell

	name    fileName
	file    string
	part    uint8 // among readParts
	renamed uint8
	scan    *Scan
}

// Scan reads the names of a mailbox; ErrNoMailbox when it is not there.
func (s *Store) Scan(ctx context.Context, mailbox string) (*Scan, error) {
	r, err := s.reader(mailbox)
	if err != nil {
		return nil, err
	}
	sc := &Scan{Mailbox: r.folder.name, store: s, folder: r.folder}
	for i, part := range readParts {
		sc.dirs[i] = r.folder.dir + "/" + part + "/"
	}
	if sc.list, err = r.listing(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// Behind the names: Dovecot adds a keyword before it uses its letter.
	if sc.keywords, _, err = s.keywords(r.folder); err != nil {
		return nil, err
	}
	sc.ID = sc.list.head.guid
	sc.sort()
	return sc, nil
}

// sort puts the messages into the order of their UIDs, and those without one behind
// them, in the order in which Dovecot will give them UIDs.
func (sc *Scan) sort() {
	l := sc.list
	sc.order = make([]spot, 0, len(l.names[0])+len(l.names[1]))
	for part, names := range l.names {
		uid := uint32(0) // which the uidlist has once, whatever names there are
		for i, name := range names {
			base, _, _ := strings.Cut(name, ":")
			uid = max(uid, l.uids[part][i])
			if i+1 < len(names) && isOf(names[i+1], base) { // renamed while the names were read
				continue
			}
			if part > 0 || find(l.names[1], base) < 0 { // else it was moved meanwhile
				sc.order = append(sc.order, spot{uid: uid, index: uint32(i), part: uint8(part)})
			}
			uid = 0
		}
		l.uids[part] = nil
	}
	slices.SortFunc(sc.order, func(a, b spot) int {
		if a.uid != 0 && b.uid != 0 {
			return cmp.Compare(a.uid, b.uid)
		}
		if (a.uid == 0) != (b.uid == 0) {
			return cmp.Compare(b.uid, a.uid)
		}
		return compareArrival(l.names[a.part][a.index], l.names[b.part][b.index])
	})
	sc.given = len(sc.order)
	for sc.given > 0 && sc.order[sc.given-1].uid == 0 {
		sc.given--
	}
}

// compareArrival orders names as Dovecot does before it gives UIDs: by the seconds and
// microseconds in them.
func compareArrival(a, b string) int {
	x, restA := leadingNumber(a)
	y, restB := leadingNumber(b)
	if c := cmp.Compare(x, y); c != 0 {
		return c
	}
	if strings.HasPrefix(restA, ".M") && strings.HasPrefix(restB, ".M") {
		x, _ = leadingNumber(restA[2:])
		y, _ = leadingNumber(restB[2:])
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return strings.Compare(a, b)
}

func leadingNumber(s string) (n uint64, rest string) {
	rest = strings.TrimLeft(s, "0123456789")
	n, err := strconv.ParseUint(s[:len(s)-len(rest)], 10, 64)
	if err != nil {
		return 0, rest
	}
	return n, rest
}

// Len is the number of messages.
func (sc *Scan) Len() int { return len(sc.order) }

// Letter gives the letter that stands for a keyword, false when no message has it.
func (sc *Scan) Letter(keyword string) (byte, bool) {
	i := sc.keywords.index(keyword)
	return 'a' + byte(max(i, 0)), i >= 0
}

// Messages gives the messages in their order.
func (sc *Scan) Messages() iter.Seq[*Found] {
	return func(yield func(*Found) bool) {
		for i := range sc.order {
			f := sc.At(i)
			if !yield(&f) {
				return
			}
		}
	}
}

// At gives the message with the number i+1.
func (sc *Scan) At(i int) Found {
	p := sc.order[i]
	f := Found{Seq: uint32(i + 1), UID: p.uid, Given: p.uid != 0, scan: sc}
	if !f.Given { // as are all behind it
		f.UID = max(sc.list.head.nextUID, 1) + uint32(i-sc.given)
	}
	f.set(p.part, sc.list.names[p.part][p.index])
	return f
}

func (f *Found) set(part uint8, name string) {
	f.part, f.file, f.name = part, name, parseFileName(name)
	f.Recent = readParts[part] == "new" || !f.Given
}

// Mailbox gives the message's mailbox, and MailboxID that one's id, "" where Dovecot has
// not given one yet.
func (f *Found) Mailbox() string { return f.scan.Mailbox }

// MailboxID is described with Mailbox.
func (f *Found) MailboxID() string { return f.scan.ID }

// Path gives the message's file.
func (f *Found) Path() string { return f.scan.dirs[f.part] + f.file }

// Base gives the name of the message's file up to the flags, which stays when they change.
func (f *Found) Base() string { return f.name.base }

// Renamed counts how often it came out that the message has another name by now.
func (f *Found) Renamed() int { return int(f.renamed) }

// Has tells whether the message has the flag of a letter: of a keyword (Scan.Letter),
// or S for \Seen and so on.
func (f *Found) Has(letter byte) bool { return strings.IndexByte(f.name.letters, letter) >= 0 }

// Flags gives the flags and keywords.
func (f *Found) Flags() []string { return flags(f.name.letters, f.scan.keywords) }

// GUID is the message's id.
func (f *Found) GUID() string {
	if guid := f.record().guid; guid != "" {
		return guid
	}
	return f.name.base
}

func (f *Found) record() uidRecord {
	if r, ok := f.scan.list.records[f.name.base]; ok {
		return r
	}
	return uidRecord{size: -1, vsize: -1}
}

// Size gives the bytes as stored, where the name tells.
func (f *Found) Size() (int64, bool) {
	n := f.name.size()
	if n < 0 {
		n = f.record().size
	}
	return n, n >= 0
}

// VSize gives the bytes with line ends of two bytes, where the name tells.
func (f *Found) VSize() (int64, bool) {
	n := f.name.vsize()
	if n < 0 {
		n = f.record().vsize
	}
	return n, n >= 0
}

// Status is what the file system knows of a message.
type Status struct {
	Received time.Time // modification time
	Saved    time.Time // last change of the inode: since then it is in its mailbox under this name
	Size     int64
}

// Stat looks at the message's file. When the file has got another name since it was
// read, the message has that name from now on, with its flags; ErrNoMessage when it
// is gone.
func (f *Found) Stat() (Status, error) {
	v := f.scan.Viewer()
	st, err := v.Stat(f)
	return st, errors.Join(err, v.Close())
}

// renew finds the name that the message has now.
func (f *Found) renew() error {
	path, err := f.scan.store.find(f.scan.folder, f.name.base)
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("reading mailbox %s: %w", f.scan.Mailbox, err))
	}
	if path == "" {
		return fmt.Errorf("%w: %s", mailstore.ErrNoMessage, f.Path())
	}
	for i, dir := range f.scan.dirs {
		if name, ok := strings.CutPrefix(path, dir); ok {
			f.set(uint8(i), name)
			f.renamed++
		}
	}
	return nil
}

// Entry gives what Store.Open needs.
func (f *Found) Entry() mailstore.Entry {
	e := mailstore.Entry{Mailbox: f.scan.Mailbox, UID: f.UID, GUID: f.GUID(), Path: f.Path()}
	e.Size, _ = f.Size()
	if n, ok := f.VSize(); ok {
		e.VSize = n
	}
	return e
}
