package passwdfile

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
)

// entry is one line.
type entry struct {
	line       int
	uid, gid   uint32 // 0 = not given
	home       string
	extra      []field
	passdbOnly bool  // the line ends before the gid
	err        error // what is wrong with the line
}

type field struct {
	key   string
	value *expand.Template
}

// maxLine bounds a line; a password hash and a few fields are far shorter.
const maxLine = 64 << 10

// parse reads a passwd-file.
func parse(r io.Reader) (map[string]*entry, error) {
	entries := make(map[string]*entry)
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	n := 0
	for in.Scan() {
		n++
		line := strings.TrimSuffix(in.Text(), "\r")
		if line == "" || line[0] == '#' || line[0] == ':' {
			continue
		}
		fields := strings.Split(line, ":")
		if _, ok := entries[fields[0]]; ok {
			continue // the first holds, as in Dovecot
		}
		e := &entry{line: n}
		e.err = e.parse(fields[1:])
		entries[fields[0]] = e
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	return entries, nil
}

// parse takes the fields after the name: password, uid, gid, gecos, home, shell
// and the rest, all optional.
func (e *entry) parse(fields []string) (err error) {
	at := func(i int) string {
		if i < len(fields) {
			return fields[i]
		}
		return ""
	}
	e.passdbOnly = len(fields) < 3
	if s := at(1); s != "" {
		if e.uid, err = userdb.UID(s); err != nil {
			return err
		}
		if e.uid == 0 {
			return fmt.Errorf("uid %q is root's", s)
		}
	}
	if s := at(2); s != "" {
		if e.gid, err = userdb.GID(s); err != nil {
			return err
		}
		if e.gid == 0 {
			return fmt.Errorf("gid %q is root's", s)
		}
	}
	e.home = at(4)
	if len(fields) <= 6 {
		return nil
	}
	if rest := fields[6:]; rest[0] == "" && len(rest) > 1 {
		return e.add("mail", strings.Join(rest[1:], ":")) // old format
	}
	for f := range strings.FieldsSeq(strings.Join(fields[6:], ":")) {
		key, value, _ := strings.Cut(f, "=")
		if name, ok := strings.CutPrefix(key, "userdb_"); ok {
			if err := e.add(name, value); err != nil {
				return fmt.Errorf("field %s: %w", key, err)
			}
		}
	}
	return nil
}

func (e *entry) add(key, value string) error {
	// QUIRK: Dovecot drops a single percent sign at the end (quota_rule=…+10%);
	// here it stays, as is meant.
	if strings.HasSuffix(value, "%") && strings.Count(value, "%")%2 == 1 {
		value += "%"
	}
	t, err := expand.Parse(value)
	if err != nil {
		return err
	}
	if value != "" || key != "mail" {
		e.extra = append(e.extra, field{key, t})
	}
	return nil
}
