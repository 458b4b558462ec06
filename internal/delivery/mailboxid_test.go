package delivery

import (
	"context"
	"errors"
	"testing"

	"dovetail/internal/mailstore/mem"
)

// idStore is a store that knows one mailbox by its id.
type idStore struct{ *mem.Store }

func (idStore) MailboxByID(_ context.Context, id string) (string, error) {
	if id == "bad" {
		return "", errors.New("no permission")
	}
	return map[string]string{"abc": "Box"}[id], nil
}

// A store that knows ids is asked, one that does not has none.
func TestMailboxByID(t *testing.T) {
	able, unable := ownedMailboxes{store: idStore{mem.New()}}, ownedMailboxes{store: mem.New()}
	if name, err := able.MailboxByID(t.Context(), "abc"); name != "Box" || err != nil {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := able.MailboxByID(t.Context(), "bad"); err == nil {
		t.Error("the store's error is lost")
	}
	if name, err := unable.MailboxByID(t.Context(), "abc"); name != "" || err != nil {
		t.Errorf("without ids: %q, %v", name, err)
	}
}
