package delivery

import (
	"fmt"

	"dovetail/internal/fsx"
	"dovetail/internal/userdb"
)

// Owner is whose mail it is: the store is touched with these rights, and only
// jobs of one owner may share a file.
type Owner struct {
	Credentials *fsx.Credentials // nil: as the process is
}

func ownerOf(u *userdb.User) Owner {
	return Owner{Credentials: &fsx.Credentials{UID: u.UID, GID: u.GID, Groups: u.Groups}}
}

// do runs f with the owner's rights.
func (o Owner) do(f func() error) error {
	if o.Credentials == nil {
		return f()
	}
	return o.Credentials.Do(f)
}

// ownerKey is equal for equal owners.
type ownerKey struct {
	uid, gid uint32
	groups   string
}

func (o Owner) key() ownerKey {
	c := o.Credentials
	if c == nil {
		return ownerKey{}
	}
	k := ownerKey{uid: c.UID, gid: c.GID}
	if len(c.Groups) > 0 {
		k.groups = fmt.Sprint(c.Groups)
	}
	return k
}

// eachAs does a step for each item with the rights of its owner and tells done of
// its error. The items of one owner go together, in their order, and newStep makes
// their step; owners go side by side, so that a lock that one of them holds keeps
// nobody else waiting.
func eachAs[T any](items []T, owner func(T) Owner, newStep func() func(T) error, done func(T, error)) {
	inParallel(byOwner(items, owner), func(group []T) {
		step, errs := newStep(), make([]error, len(group))
		err := owner(group[0]).do(func() error {
			for i, item := range group {
				errs[i] = step(item)
			}
			return nil
		})
		for i, item := range group {
			if err != nil {
				errs[i] = err
			}
			done(item, errs[i])
		}
	})
}

// byOwner gives the items of each owner.
func byOwner[T any](items []T, owner func(T) Owner) [][]T {
	var groups [][]T
	index := map[ownerKey]int{}
	for _, item := range items {
		k := owner(item).key()
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], item)
	}
	return groups
}
