// Package mem is a mail store in memory, for the Sieve test suite, for dry runs
// and for tests. It keeps what it is given, gives it back in order, and fails
// where it is told to.
//
// Mailboxes are a flat set of names with "/" between the parts of a hierarchy;
// INBOX (in any case) always exists. Keywords are kept as they come.
package mem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

// Store is a mailstore.Store. It is safe for concurrent use; the hooks must be
// set before it is used.
type Store struct {
	// Quota answers CheckQuota, and Prepare asks it too; nil means no limit.
	Quota func(mailbox string, size int64) error
	// FailPrepare and FailPublish make those calls fail when they return an error.
	FailPrepare, FailPublish func(mailstore.Delivery) error

	mu         sync.Mutex
	boxes      map[string]*mailbox
	subscribed []string
	pending    int
}

type mailbox struct {
	messages []Message
	lastUID  uint32
}

// Message is a stored message. The bytes are the store's own.
type Message struct {
	*message.Message
	UID      uint32
	Flags    []string
	Received time.Time
}

var _ mailstore.Store = (*Store)(nil)

// New makes a store that has INBOX and mailboxes.
func New(mailboxes ...string) *Store {
	s := &Store{boxes: map[string]*mailbox{mailstore.Inbox: {}}}
	for _, name := range mailboxes {
		s.Create(name)
	}
	return s
}

// Create makes a mailbox; one that exists stays as it is.
func (s *Store) Create(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name = canonical(name); s.boxes[name] == nil {
		s.boxes[name] = &mailbox{}
	}
}

// Messages gives the published messages of a mailbox in the order of their
// publishing; none for a mailbox that does not exist.
func (s *Store) Messages(name string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if box := s.boxes[canonical(name)]; box != nil {
		return slices.Clone(box.messages)
	}
	return nil
}

// Subscribed gives the mailboxes subscribed to, in that order.
func (s *Store) Subscribed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.subscribed)
}

// PendingCount tells how many deliveries were prepared and neither published,
// aborted nor closed: 0 when all was tidied up.
func (s *Store) PendingCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending
}

// Exists is mailstore.Store's.
func (s *Store) Exists(_ context.Context, name string) (bool, error) {
	if err := checkName(name); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.boxes[canonical(name)] != nil, nil
}

// CheckQuota is mailstore.Store's; it asks Quota.
func (s *Store) CheckQuota(_ context.Context, name string, size int64) error {
	if s.Quota == nil {
		return nil
	}
	return s.Quota(name, size)
}

// Prepare is mailstore.Store's.
func (s *Store) Prepare(ctx context.Context, m *message.Message, d mailstore.Delivery) (mailstore.Pending, error) {
	if err := checkName(d.Mailbox); err != nil {
		return nil, err
	}
	if err := s.CheckQuota(ctx, d.Mailbox, m.Size()); err != nil {
		return nil, err
	}
	if s.FailPrepare != nil {
		if err := s.FailPrepare(d); err != nil {
			return nil, err
		}
	}
	own, err := clone(m)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := canonical(d.Mailbox)
	if s.boxes[name] == nil {
		if !d.Create {
			return nil, fmt.Errorf("%w: %s", mailstore.ErrNoMailbox, d.Mailbox)
		}
		s.boxes[name] = &mailbox{}
		if d.Subscribe && !slices.Contains(s.subscribed, name) {
			s.subscribed = append(s.subscribed, name)
		}
	}
	s.pending++
	flags := slices.Clone(d.Flags)
	return &pending{store: s, box: name, delivery: d, message: Message{Message: own, Flags: flags, Received: d.Received}}, nil
}

// clone copies the bytes of m, which may live in a spool that is reused.
func clone(m *message.Message) (*message.Message, error) {
	spool := message.NewSpool("", math.MaxInt)
	if _, err := io.Copy(spool, m.Open()); err != nil {
		return nil, fmt.Errorf("reading the message: %w", err)
	}
	return spool.Message()
}

// Mailboxes is mailstore.Store's; INBOX comes first, the others by name.
func (s *Store) Mailboxes(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Collect(maps.Keys(s.boxes))
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(-cmp.Compare(isInbox(a), isInbox(b)), cmp.Compare(a, b))
	})
	return names, nil
}

func isInbox(name string) int {
	if name == mailstore.Inbox {
		return 1
	}
	return 0
}

// Entries is mailstore.Store's. Path is empty: there is no file.
func (s *Store) Entries(_ context.Context, name string) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		s.mu.Lock()
		_, ok := s.boxes[canonical(name)]
		s.mu.Unlock()
		if !ok {
			yield(mailstore.Entry{}, fmt.Errorf("%w: %s", mailstore.ErrNoMailbox, name))
			return
		}
		for _, m := range s.Messages(name) {
			e := mailstore.Entry{
				Mailbox: canonical(name), UID: m.UID, GUID: fmt.Sprintf("%s-%d", canonical(name), m.UID),
				Size: m.Size(), VSize: m.VirtualSize(), Flags: slices.Clone(m.Flags), Received: m.Received,
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Open is mailstore.Store's.
func (s *Store) Open(_ context.Context, e mailstore.Entry) (*message.Message, io.Closer, error) {
	for _, m := range s.Messages(e.Mailbox) {
		if m.UID == e.UID {
			return m.Message, io.NopCloser(nil), nil
		}
	}
	return nil, nil, fmt.Errorf("%w: %d of %s", mailstore.ErrNoMessage, e.UID, e.Mailbox)
}

// Edit is mailstore.Store's. Nobody is locked out: each change is one step.
func (s *Store) Edit(_ context.Context, name string, f func(mailstore.Editor) error) error {
	s.mu.Lock()
	_, ok := s.boxes[canonical(name)]
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("%w: %s", mailstore.ErrNoMailbox, name)
	}
	return f(editor{s, canonical(name)})
}

type editor struct {
	store *Store
	box   string
}

func (e editor) Expunge(m mailstore.Entry) error {
	err := e.change(m, func(all []Message, i int) []Message { return slices.Delete(all, i, i+1) })
	if errors.Is(err, mailstore.ErrNoMessage) {
		return nil
	}
	return err
}

func (e editor) SetFlags(m mailstore.Entry, flags []string) error {
	return e.change(m, func(all []Message, i int) []Message {
		all[i].Flags = mailstore.MergeFlags(all[i].Flags, m.Flags, flags)
		return all
	})
}

// change puts what f makes of a copy of the messages in their place; m is the i-th.
func (e editor) change(m mailstore.Entry, f func(all []Message, i int) []Message) error {
	if canonical(m.Mailbox) != e.box {
		return fmt.Errorf("changing a message of %s in %s", m.Mailbox, e.box)
	}
	e.store.mu.Lock()
	defer e.store.mu.Unlock()
	box := e.store.boxes[e.box]
	i := slices.IndexFunc(box.messages, func(have Message) bool { return have.UID == m.UID })
	if i < 0 {
		return fmt.Errorf("%w: %d of %s", mailstore.ErrNoMessage, m.UID, e.box)
	}
	box.messages = f(slices.Clone(box.messages), i)
	return nil
}

// checkName refuses what no mail store can hold.
func checkName(name string) error {
	bad := !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl)
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || part == "" || part == "." || part == ".."
	}
	if bad {
		return fmt.Errorf("%w: %q", mailstore.ErrBadName, name)
	}
	return nil
}

func canonical(name string) string {
	if strings.EqualFold(name, mailstore.Inbox) {
		return mailstore.Inbox
	}
	return name
}

// pending is one delivery of a Store.
type pending struct {
	store    *Store
	box      string
	delivery mailstore.Delivery
	message  Message
	state    state
}

type state int

const (
	prepared state = iota
	published
	ended
)

// Unsynced gives nothing: memory is never flushed.
func (p *pending) Unsynced() []fsx.File { return nil }

func (p *pending) Publish() error {
	if p.store.FailPublish != nil {
		if err := p.store.FailPublish(p.delivery); err != nil {
			return err
		}
	}
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	if p.state != prepared {
		return fmt.Errorf("publishing into %s: published or ended before", p.box)
	}
	box := p.store.boxes[p.box]
	box.lastUID++
	p.message.UID = box.lastUID
	box.messages = append(box.messages, p.message)
	p.state = published
	p.store.pending--
	return nil
}

func (p *pending) Abort() error {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	switch p.state {
	case prepared:
		p.store.pending--
	case published:
		box := p.store.boxes[p.box]
		box.messages = slices.DeleteFunc(slices.Clone(box.messages), func(m Message) bool { return m.UID == p.message.UID })
	case ended:
	}
	p.state = ended
	return nil
}

// Close ends a delivery; one that was not published is not in the mailbox.
func (p *pending) Close() error {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	if p.state == prepared {
		p.store.pending--
	}
	p.state = ended
	return nil
}
