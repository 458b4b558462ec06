package delivery

import (
	"slices"

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

func (o Owner) ids() [2]uint32 {
	if o.Credentials == nil {
		return [2]uint32{}
	}
	return [2]uint32{o.Credentials.UID, o.Credentials.GID}
}

func (o Owner) same(other Owner) bool {
	if o.Credentials == nil || other.Credentials == nil {
		return o.Credentials == other.Credentials
	}
	return o.ids() == other.ids() && slices.Equal(o.Credentials.Groups, other.Credentials.Groups)
}

// eachAs calls f for each item with its owner's rights, which are taken once for
// items of one owner that follow each other, and gives the errors one by one.
func eachAs[T any](items []T, owner func(T) Owner, f func(T) error) []error {
	errs := make([]error, len(items))
	for start := 0; start < len(items); {
		o, end := owner(items[start]), start+1
		for end < len(items) && owner(items[end]).same(o) {
			end++
		}
		err := o.do(func() error {
			for i := start; i < end; i++ {
				errs[i] = f(items[i])
			}
			return nil
		})
		for i := start; err != nil && i < end; i++ {
			errs[i] = err
		}
		start = end
	}
	return errs
}
