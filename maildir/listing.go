package maildir

import (
	"slices"
	"strings"
)

// listing is what a folder holds at one time. It is all that is kept of a mailbox
// while it is read, so it is small: the names, and four bytes for each.
type listing struct {
	names   [len(readParts)][]string // sorted
	uids    [len(readParts)][]uint32 // of the names; 0 for none
	records map[string]uidRecord     // by base name, where they say more than a UID
	head    uidList
	next    [len(readParts)]int // index of the name that the next record is likely for
}

// listing reads the names, and then the UIDs that they have.
func (r *reader) listing() (*listing, error) {
	l := &listing{records: map[string]uidRecord{}}
	for i, part := range readParts {
		var all sorter
		err := r.store.eachName(r.folder, part, all.add)
		l.names[i] = all.sorted()
		if err != nil {
			return nil, err
		}
	}
	r.dropDirectories(l)
	for i, names := range l.names {
		l.uids[i] = make([]uint32, len(names))
	}
	var err error
	l.head, err = r.store.readUIDs(r.folder, l.note)
	return l, err
}

// dropDirectories drops the directories that have the name of a message, which they
// would hide: it has just been renamed, as it would seem. Others nobody asks about, as
// all that is known of a message is its name.
func (r *reader) dropDirectories(l *listing) {
	var found [len(readParts)]map[string]bool
	look := func(part int, name string) {
		info, err := r.store.fs.Lstat(r.folder.dir + "/" + readParts[part] + "/" + name)
		if err != nil || !info.IsDir() {
			return
		}
		if found[part] == nil {
			found[part] = map[string]bool{}
		}
		found[part][name] = true
	}
	for part, names := range l.names {
		for i, name := range names {
			base, _, _ := strings.Cut(name, ":")
			if i+1 < len(names) && isOf(names[i+1], base) {
				look(part, name)
				look(part, names[i+1])
			}
			if part > 0 {
				continue
			}
			if j := find(l.names[1], base); j >= 0 {
				look(0, name)
				look(1, l.names[1][j])
			}
		}
	}
	for part, directories := range found {
		if directories != nil {
			l.names[part] = slices.DeleteFunc(l.names[part], func(name string) bool { return directories[name] })
		}
	}
}

// note takes in a record of the uidlist.
func (l *listing) note(base string, record uidRecord) {
	found := false
	for i, names := range l.names {
		j := l.next[i]
		if j >= len(names) || !isOf(names[j], base) { // mostly UIDs ascend as names do
			j = find(names, base)
		}
		if j >= 0 {
			l.uids[i][j], found, l.next[i] = record.uid, true, j+1
		}
	}
	if found && (record.guid != "" || record.size >= 0 || record.vsize >= 0) {
		l.records[base] = record
	}
}

// find gives the index of the name with a base name among sorted ones; -1 for none.
func find(names []string, base string) int {
	if len(names) == 0 {
		return -1
	}
	i, ok := slices.BinarySearch(names, base)
	if ok {
		return i
	}
	i, _ = slices.BinarySearch(names, base+":")
	if i < len(names) && isOf(names[i], base) {
		return i
	}
	return -1
}

// isOf tells whether a name has a base name.
func isOf(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	return ok && (rest == "" || rest[0] == ':')
}
