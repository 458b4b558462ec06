package maildir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"dovetail/internal/mailerr"
)

// MailboxByID gives the name of the mailbox that Dovecot gave an id (IMAP's
// MAILBOXID, RFC 8474), "" when there is none. The id stands in the head of the
// mailbox's uidlist; a mailbox that Dovecot has not looked at yet has none.
func (s *Store) MailboxByID(ctx context.Context, id string) (string, error) {
	names, err := s.Mailboxes(ctx)
	if err != nil || id == "" {
		return "", err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		guid, err := s.MailboxID(ctx, name)
		if err != nil {
			return "", err
		}
		if guid == id {
			return name, nil
		}
	}
	return "", nil
}

// MailboxID gives the id of a mailbox, "" when it has none or is not there.
func (s *Store) MailboxID(_ context.Context, name string) (string, error) {
	f, err := s.folder(name)
	if err != nil {
		return "", err
	}
	guid, err := s.readMailboxID(f)
	if err != nil {
		return "", mailerr.FromErrno(fmt.Errorf("reading the uidlist of %s: %w", name, err))
	}
	return guid, nil
}

// readMailboxID reads the id in the head of a folder's list; "" without one.
func (s *Store) readMailboxID(f folder) (string, error) {
	file, err := s.openFile(f.control + "/" + uidlistFile)
	if isMissing(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close() // nothing was written
	buf := make([]byte, 1<<10)
	n, err := io.ReadFull(file, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	head, _, whole := strings.Cut(string(buf[:n]), "\n")
	var l uidList
	if !whole || l.parseHead(head) != nil {
		return "", nil // Dovecot will make it anew
	}
	return l.guid, nil
}
