package delivery

import (
	"context"
	"fmt"
	"strings"

	"dovetail/internal/annotation"
	"dovetail/internal/mailstore"
	"dovetail/internal/userdb"
	"dovetail/sieve"
)

// metadata tells the annotations of a user, from Dovecot's file, which is read
// when the first one is asked for.
type metadata struct {
	path  string
	store mailstore.Store
	owner Owner

	set *annotation.Set
	err error
}

// metadataOf gives the source of a user's annotations, nil where there is none.
func (d *Deliverer) metadataOf(u *userdb.User, store mailstore.Store, owner Owner) sieve.Metadata {
	if d.Attributes == nil {
		return nil
	}
	path := d.Attributes(u)
	if path == "" {
		return nil
	}
	return &metadata{path: path, store: store, owner: owner}
}

// Annotation gives an annotation of a mailbox, or of the server for the empty name.
func (m *metadata) Annotation(ctx context.Context, mailbox, name string) (value string, ok bool, err error) {
	err = m.owner.do(func() error {
		if m.set == nil && m.err == nil {
			m.set, m.err = annotation.Read(m.path)
		}
		if m.err != nil {
			return fmt.Errorf("mail_attribute_dict: %w", m.err)
		}
		box := mailbox
		if box == "" || strings.EqualFold(box, mailstore.Inbox) {
			box = mailstore.Inbox
		}
		id, err := m.mailboxID(ctx, box)
		if err != nil {
			return err
		}
		if mailbox == "" {
			value, ok = m.set.Server(id, name)
		} else {
			value, ok = m.set.Mailbox(id, name)
		}
		return nil
	})
	return value, ok, err
}

// mailboxID gives the id of a mailbox, by which annotations are found; empty
// where the store knows none.
func (m *metadata) mailboxID(ctx context.Context, name string) (string, error) {
	ids, ok := m.store.(interface {
		MailboxID(ctx context.Context, name string) (string, error)
	})
	if !ok {
		return "", nil
	}
	return ids.MailboxID(ctx, name)
}
