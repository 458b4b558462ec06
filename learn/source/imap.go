package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/internal/imapurl"
	"dovetail/internal/message"
)

// imapBatch is the number of messages of one FETCH.
const imapBatch = 100

// imapFolder is a folder of an IMAP server, opened read-only.
type imapFolder struct {
	url    *imapurl.URL
	client *imapclient.Client
	uids   []imap.UID
	o      Options
}

func openIMAP(ctx context.Context, name string, o Options) (Source, error) {
	u, err := imapurl.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("source %w", err)
	}
	if o.Password == nil {
		return nil, fmt.Errorf("source %s: there is no password for it", u)
	}
	password, err := o.Password()
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", u, err)
	}
	f := &imapFolder{url: u, o: o}
	if f.client, err = u.Dial(ctx, password); err != nil {
		return nil, fmt.Errorf("source %s: %w", u, err)
	}
	if err := f.search(); err != nil {
		return nil, fmt.Errorf("source %s: %w", u, errors.Join(err, f.Close()))
	}
	return f, nil
}

func (f *imapFolder) search() error {
	if _, err := f.client.Select(f.url.Folder, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	criteria := &imap.SearchCriteria{}
	if !f.o.Since.IsZero() { // a day of the server's time zone, whichever that is; batch looks closer
		criteria.Since = f.o.Since.AddDate(0, 0, -1)
	}
	found, err := f.client.UIDSearch(criteria, nil).Wait()
	if err != nil {
		return fmt.Errorf("searching: %w", err)
	}
	f.uids = found.AllUIDs()
	return nil
}

func (f *imapFolder) Total() int { return len(f.uids) }

func (f *imapFolder) Close() error { return f.client.Close() }

func (f *imapFolder) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for uids := range slices.Chunk(f.uids, imapBatch) {
			goOn, err := f.batch(uids, yield)
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Message{}, fmt.Errorf("%s: %w", f.url, err))
			}
			if err != nil || !goOn {
				return
			}
		}
	}
}

// batch reads some messages and tells whether to go on.
func (f *imapFolder) batch(uids []imap.UID, yield func(Message, error) bool) (goOn bool, err error) {
	about, err := f.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, RFC822Size: true, InternalDate: true}).Collect()
	if err != nil {
		return false, err
	}
	var wanted imap.UIDSet
	for _, m := range about {
		switch {
		case m.InternalDate.Before(f.o.Since): // SEARCH SINCE knows days only
		case m.RFC822Size > f.o.MaxSize:
			name := f.name(m.UID)
			if !yield(Message{Name: name}, fmt.Errorf("message %s: %w: %d bytes", name, ErrTooBig, m.RFC822Size)) {
				return false, nil
			}
		default:
			wanted.AddNum(m.UID)
		}
	}
	if len(wanted) == 0 {
		return true, nil
	}
	return f.fetch(wanted, yield)
}

// fetch reads messages, one at a time in memory.
func (f *imapFolder) fetch(wanted imap.UIDSet, yield func(Message, error) bool) (goOn bool, err error) {
	section := &imap.FetchItemBodySection{Peek: true}
	fetch := f.client.Fetch(wanted, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
	goOn = true
	for data := fetch.Next(); data != nil && goOn; data = fetch.Next() {
		m, err := f.message(data)
		if err != nil && !errors.Is(err, ErrTooBig) {
			return false, errors.Join(err, fetch.Close())
		}
		goOn = yield(m, err)
	}
	return goOn, fetch.Close()
}

// message reads one message. It may be larger than the server has said.
func (f *imapFolder) message(data *imapclient.FetchMessageData) (Message, error) {
	m := Message{Message: message.Parse(nil)}
	var err error
	for item := data.Next(); item != nil; item = data.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			m.Name = f.name(item.UID)
		case imapclient.FetchItemDataBodySection:
			if item.Literal != nil {
				m.Message, err = readMessage(item.Literal, f.o.MaxSize)
			}
		}
	}
	if err != nil {
		err = fmt.Errorf("message %s: %w", m.Name, err)
	}
	return m, err
}

func (f *imapFolder) name(uid imap.UID) string { return fmt.Sprintf("%s:%d", f.url, uid) }
