package maildir

import (
	"errors"
	"fmt"
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
	records     map[string]uidRecord // by base name
}

type uidRecord struct {
	uid         uint32
	size, vsize int64 // -1 when the file name has it, or nobody
	guid        string
}

// uidlist reads a folder's list; an empty one when there is none. No lock is
// needed: the file is replaced, or whole lines are appended.
func (s *Store) uidlist(f folder) (uidList, error) {
	text, err := s.readFile(f.control+"/"+uidlistFile, maxUIDList)
	if isMissing(err) {
		return uidList{}, nil
	}
	if err != nil {
		return uidList{}, mailerr.FromErrno(fmt.Errorf("reading the uidlist of %s: %w", f.name, err))
	}
	return parseUIDList(text, func(int, string) {}), nil
}

// parseUIDList reads what it can; bad tells of each line that it cannot read or
// that breaks a rule. A last line without its end is being written: passed over.
func parseUIDList(text string, bad func(line int, what string)) uidList {
	var l uidList
	text = text[:strings.LastIndexByte(text, '\n')+1]
	head, rest, _ := strings.Cut(text, "\n")
	if err := l.parseHead(head); err != nil {
		bad(1, err.Error())
		return uidList{}
	}
	l.records = make(map[string]uidRecord, strings.Count(rest, "\n"))
	last := uint32(0)
	n := 1
	for line := range strings.Lines(rest) {
		n++
		base, record, ok := l.parseRecord(strings.TrimSuffix(line, "\n"))
		switch {
		case !ok:
			bad(n, "not a record")
			continue
		case record.uid <= last:
			bad(n, "UIDs not ascending")
		case record.uid >= l.nextUID && l.version != 1: // version 1 did not keep it up
			// Appending lines leaves the head as it is, so this is no fault.
			l.nextUID = record.uid + 1
		}
		last = max(last, record.uid)
		if _, ok := l.records[base]; ok {
			bad(n, "file name given twice")
		}
		l.records[base] = record
	}
	return l
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
		var extensions string
		if extensions, name, ok = strings.Cut(" "+rest, " :"); !ok {
			return "", r, false
		}
		r.parseExtensions(extensions)
	}
	base = parseFileName(name).base
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
