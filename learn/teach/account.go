package teach

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/learn/queue"
)

const (
	accountFor  = time.Minute     // what the user database said is believed
	maxAccounts = 1000            // that are remembered
	lookupLimit = 2 * time.Second // of one look-up, and of all that fail at one look at the queue
)

// account is what the user database said.
type account struct {
	name  string
	uid   uint32
	err   error // there is no such user, or the database could not tell
	until time.Time
}

// mayTeach gives the lesson its user's canonical name, and the reason why its
// giver may not speak for that user, if so.
func (t *Teacher) mayTeach(ctx context.Context, l *lesson, entry queue.Entry) (reason string, err error) {
	uid := t.giverOf(entry)
	trusted := t.trusts(uid)
	if l.User == "" || t.User == nil {
		if !trusted {
			return fmt.Sprintf("uid %d may not speak for all users", uid), nil
		}
		return "", nil
	}
	a, err := t.account(ctx, l.User)
	switch {
	case err != nil:
		return "", err
	case a.err == nil && (trusted || a.uid == uid):
		l.User = a.name
		return "", nil
	case trusted: // the back ends may know who that is
		return "", nil
	case a.err != nil:
		return fmt.Sprintf("uid %d gave it: %v", uid, a.err), nil
	}
	return fmt.Sprintf("uid %d gave it, and the user's uid is %d", uid, a.uid), nil
}

// trusts tells whether a uid may speak for all users.
func (t *Teacher) trusts(uid uint32) bool { return uid == 0 || uid == t.UID }

// errLater is the error of what is not even tried at this look at the queue.
var errLater = errors.New("later")

// account asks the user database, which may fail fast for one user and hang for all:
// what failed is believed for a while, too, and when too much time went into failures
// nobody is asked any more until the next look.
func (t *Teacher) account(ctx context.Context, user string) (account, error) {
	now := t.Now()
	a, ok := t.users[user]
	if !ok || !now.Before(a.until) {
		if t.waited >= lookupLimit {
			return account{}, errLater
		}
		ctx, cancel := context.WithTimeout(ctx, lookupLimit)
		defer cancel()
		a = account{until: now.Add(accountFor)}
		a.name, a.uid, a.err = t.User(ctx, user)
		if a.err != nil && !mailerr.IsPermanent(a.err) {
			a.until = now.Add(unreadAfter)
			t.waited += t.Now().Sub(now)
		}
		if len(t.users) >= maxAccounts {
			clear(t.users)
		}
		t.users[user] = a
	}
	if a.err != nil && !mailerr.IsPermanent(a.err) {
		return account{}, fmt.Errorf("asking who %q is: %w", user, a.err)
	}
	return a, nil
}
