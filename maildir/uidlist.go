package maildir

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"dovetail/internal/mailerr"
)

const uidlistFile = "dovecot-uidlist"

// uidList is dovecot-uidlist. Version 3, with the extensions in any order:
//
//	3 V<uidvalidity> N<next uid> G<guid of the mailbox>
//	<uid> [S<size> W<virtual size> G<guid> P<pop3 uidl> ...] :<base name>
//
// and version 1:
//
//	1 <uidvalidity> <next uid>
//	<uid> <base name>
type uidList struct {
	version     int
	uidValidity uint32
	nextUID     uint32
	guid        string
}

type uidRecord struct {
	uid         uint32
	size, vsize int64 // -1 when the file name has it, or nobody
	guid        string
}

// uidsAtOnce is how many bytes of the list are read at a time. It bounds a line, too; a
// file name has at most 255 bytes.
const uidsAtOnce = 64 << 10

// readUIDs gives the records of a folder's list and its head, none when there is no list.
// No lock is needed: the file is replaced, or whole lines are appended.
func (s *Store) readUIDs(f folder, record func(base string, r uidRecord)) (l uidList, err error) {
	file, err := s.openFile(f.control + "/" + uidlistFile)
	if isMissing(err) {
		return l, nil
	}
	if err == nil {
		l, err = parseUIDList(io.LimitReader(file, maxUIDList), func(_ int, base string, r uidRecord) { record(base, r) }, func(int, string) {})
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return l, mailerr.FromErrno(fmt.Errorf("reading the uidlist of %s: %w", f.name, err))
	}
	return l, nil
}

// parseUIDList reads what it can and gives each record with its line; bad tells of
// lines that it cannot read or that break a rule. A last line without its end is
// being written: passed over. The error is one of reading.
func parseUIDList(r io.Reader, record func(line int, base string, r uidRecord), bad func(line int, what string)) (uidList, error) {
	var l uidList
	in := bufio.NewReaderSize(r, uidsAtOnce)
	var lines texts
	last := uint32(0)
	for n := 1; ; n++ {
		text, err := in.ReadSlice('\n')
		whole := err == nil
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return l, err
		}
		line := strings.TrimSuffix(lines.add(text), "\n")
		if n == 1 {
			if !whole {
				line = ""
			}
			if headErr := l.parseHead(line); headErr != nil {
				bad(1, headErr.Error())
				return uidList{}, nil
			}
			continue
		}
		if err != nil {
			return l, nil
		}
		base, rec, ok := "", uidRecord{}, false
		if whole {
			base, rec, ok = l.parseRecord(line)
		}
		switch {
		case !ok:
			bad(n, "not a record")
			continue
		case rec.uid <= last:
			bad(n, "UIDs not ascending")
		case rec.uid >= l.nextUID && l.version != 1: // version 1 did not keep it up
			// Appending lines leaves the head as it is, so this is no fault.
			l.nextUID = rec.uid + 1
		}
		last = max(last, rec.uid)
		record(n, base, rec)
	}
}

func (l *uidList) parseHead(head string) error {
	fields := strings.Split(head, " ")
	switch fields[0] {
	case "1":
		if len(fields) < 3 {
			return errors.New("head of version 1 is not 1 UIDVALIDITY NEXTUID")
		}
		fields[1], fields[2] = "V"+fields[1], "N"+fields[2]
		l.version = 1
	case "3":
		l.version = 3
	default:
		return fmt.Errorf("unknown version %q", fields[0])
	}
	for _, field := range fields[1:] {
		if field == "" {
			continue
		}
		var err error
		switch value := field[1:]; field[0] {
		case 'V':
			l.uidValidity, err = parseUID(value)
		case 'N':
			l.nextUID, err = parseUID(value)
		case 'G':
			l.guid = value
		}
		if err != nil {
			return fmt.Errorf("%q in the head: %w", field, err)
		}
	}
	if l.uidValidity == 0 || l.nextUID == 0 {
		return errors.New("head without UIDVALIDITY or next UID")
	}
	return nil
}

func parseUID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}

func (l *uidList) parseRecord(line string) (base string, r uidRecord, ok bool) {
	number, rest, ok := strings.Cut(line, " ")
	uid, err := parseUID(number)
	if !ok || err != nil || uid == 0 {
		return "", r, false
	}
	r = uidRecord{uid: uid, size: -1, vsize: -1}
	name := rest
	if l.version == 3 {
		if name, ok = strings.CutPrefix(rest, ":"); !ok { // the most lines have no extensions
			var extensions string
			if extensions, name, ok = strings.Cut(rest, " :"); !ok {
				return "", r, false
			}
			r.parseExtensions(extensions)
		}
	}
	base, _, _ = strings.Cut(name, ":")
	return base, r, base != "" && !strings.Contains(base, "/")
}

func (r *uidRecord) parseExtensions(text string) {
	for field := range strings.FieldsSeq(text) {
		n, err := strconv.ParseInt(field[1:], 10, 64)
		switch {
		case field[0] == 'G':
			r.guid = field[1:]
		case err != nil || n < 0:
		case field[0] == 'S':
			r.size = n
		case field[0] == 'W':
			r.vsize = n
		}
	}
}
