package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

// subscriptionsV2 begins a subscriptions file of version 2. The lines after it are
// names without the namespace's prefix, encoded as on disk, TAB between the parts,
// each escaped. In version 1 there is no head, and the layout's separator between
// the parts.
const subscriptionsV2 = "V\t2\n\n"

// tabEscaper escapes as Dovecot does in its TAB-separated texts.
var (
	tabEscaper   = strings.NewReplacer("\x01", "\x011", "\t", "\x01t", "\n", "\x01n", "\r", "\x01r", "\x00", "\x010")
	tabUnescaper = strings.NewReplacer("\x011", "\x01", "\x01t", "\t", "\x01n", "\n", "\x01r", "\r", "\x010", "\x00")
)

func (s *Store) subscriptionsPath() string {
	name := s.loc.Subscriptions
	if name == "" {
		name = "subscriptions"
	}
	if filepath.IsAbs(name) {
		return name
	}
	return s.controlRoot() + "/" + name
}

// Subscribed gives the mailboxes that are subscribed to, existing or not.
func (s *Store) Subscribed() ([]string, error) {
	text, err := s.readSubscriptions()
	if err != nil {
		return nil, err
	}
	var names []string
	body, v2 := strings.CutPrefix(text, subscriptionsV2)
	for line := range strings.Lines(body) {
		if name := s.nameOf(s.splitSubscription(strings.TrimSuffix(line, "\n"), v2)); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

func (s *Store) splitSubscription(line string, v2 bool) []string {
	if !v2 {
		return strings.Split(line, s.loc.Layout.separator())
	}
	parts := strings.Split(line, "\t")
	for i, part := range parts {
		parts[i] = tabUnescaper.Replace(part)
	}
	return parts
}

func (s *Store) readSubscriptions() (string, error) {
	text, err := s.readFile(s.subscriptionsPath(), maxSubscriptions)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", mailerr.FromErrno(fmt.Errorf("reading the subscriptions: %w", err))
	}
	return text, nil
}

// Subscribe adds a mailbox to the subscriptions. A mailbox that is there stays.
func (s *Store) Subscribe(ctx context.Context, mailbox string) error {
	f, err := s.folder(mailbox)
	if err != nil {
		return err
	}
	return s.subscribe(ctx, f)
}

// Unsubscribe takes a mailbox out of the subscriptions, whether it exists or not.
func (s *Store) Unsubscribe(ctx context.Context, mailbox string) error {
	f, err := s.folder(mailbox)
	if err != nil {
		return err
	}
	return s.changeSubscriptions(ctx, func(text string) (string, bool) {
		line := subscriptionLine(text, f.parts, s.loc.Layout.separator())
		head := ""
		body, v2 := strings.CutPrefix(text, subscriptionsV2)
		if v2 {
			head = subscriptionsV2
		}
		lines := strings.Split(body, "\n")
		left := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return l == line })
		return head + strings.Join(left, "\n"), len(left) < len(lines)
	})
}

func (s *Store) subscribe(ctx context.Context, f folder) error {
	return s.changeSubscriptions(ctx, func(text string) (string, bool) {
		return addSubscription(text, f.parts, s.loc.Layout.separator())
	})
}

// changeSubscriptions replaces the file by what change makes of its text, unless that
// says that nothing changes.
func (s *Store) changeSubscriptions(ctx context.Context, change func(text string) (string, bool)) error {
	path := s.subscriptionsPath()
	perm, err := s.inherited(s.locate([]string{mailstore.Inbox}))
	if err != nil {
		return err
	}
	if _, err := s.makeDirs(filepath.Dir(path), perm); err != nil {
		return err
	}
	// The lock is the new file, as Dovecot has it.
	lock, err := s.lock(ctx, path, perm, staleness{subscriptionsStale, subscriptionsStale})
	if err != nil {
		return err
	}
	defer lock.release()
	text, err := s.readSubscriptions()
	if err != nil {
		return err
	}
	text, changed := change(text)
	if !changed {
		return nil
	}
	if _, err = lock.file.Write([]byte(text)); err == nil {
		err = lock.file.Sync()
	}
	if err == nil {
		err = lock.check()
	}
	if err == nil {
		err = s.fs.Rename(lock.path, path)
	}
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("writing the subscriptions: %w", err))
	}
	return s.syncDir(path)
}

// addSubscription gives the file with a line for the folder added, in the file's
// own version; an empty file becomes version 2.
func addSubscription(text string, parts []string, separator string) (string, bool) {
	if text == "" {
		text = subscriptionsV2
	}
	line := subscriptionLine(text, parts, separator)
	body, _ := strings.CutPrefix(text, subscriptionsV2)
	if slices.Contains(strings.Split(body, "\n"), line) {
		return text, false
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + line + "\n", true
}

// subscriptionLine gives a folder's line in a file of that text.
func subscriptionLine(text string, parts []string, separator string) string {
	if !strings.HasPrefix(text, subscriptionsV2) {
		return strings.Join(parts, separator)
	}
	escaped := make([]string, len(parts))
	for i, part := range parts {
		escaped[i] = tabEscaper.Replace(part)
	}
	return strings.Join(escaped, "\t")
}
