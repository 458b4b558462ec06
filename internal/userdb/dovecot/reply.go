package dovecot

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"dovetail/internal/userdb"
)

var (
	errNotFound = errors.New("no such user")
	errFailed   = errors.New("the user could not be looked up by Dovecot")
)

// parseUser reads an answer: USER, NOTFOUND or FAIL, its id, and fields.
func parseUser(f []string) (*userdb.User, error) {
	switch f[0] {
	case "NOTFOUND":
		return nil, errNotFound
	case "FAIL":
		for _, field := range f[2:] {
			if reason, ok := strings.CutPrefix(field, "reason="); ok {
				return nil, fmt.Errorf("%w: %s", errFailed, unescape(reason))
			}
		}
		return nil, errFailed
	case "USER":
	default:
		return nil, fmt.Errorf("unknown answer %.80q", strings.Join(f, "\t"))
	}
	if len(f) < 3 || f[2] == "" {
		return nil, fmt.Errorf("answer %.80q without a name", strings.Join(f, "\t"))
	}
	u := &userdb.User{Name: unescape(f[2])}
	for _, field := range f[3:] {
		if field == "" {
			continue // QUIRK: Dovecot 2.4 leaves a stray TAB behind local_name
		}
		key, value, _ := strings.Cut(unescape(field), "=")
		err := u.Set(key, value)
		if err == nil && key == "uid" && u.UID == 0 {
			err = fmt.Errorf("uid %q is root's", value) // it must not look like none
		}
		if err != nil {
			return nil, fmt.Errorf("answer for %s: %w", u.Name, err)
		}
	}
	u.Finish()
	return u, nil
}

// list asks for the names of all users.
func (d *Driver) list(ctx context.Context, mask string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		nc, in, err := d.greet(ctx)
		if err != nil {
			yield("", err)
			return
		}
		defer nc.Close()
		defer context.AfterFunc(ctx, func() { nc.Close() })()
		if _, err := fmt.Fprintf(nc, "LIST\t1\tservice=%s\tuser=%s\n", d.o.Service, escape(mask)); err != nil {
			yield("", err)
			return
		}
		for {
			if err := nc.SetReadDeadline(time.Now().Add(d.o.Timeout)); err != nil {
				yield("", err)
				return
			}
			line, err := readLine(in)
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if err != nil {
				yield("", err)
				return
			}
			switch f := strings.Split(line, "\t"); {
			case f[0] == "LIST" && len(f) > 2:
				if !yield(unescape(f[2]), nil) {
					return
				}
			case f[0] == "DONE" && len(f) > 2 && f[2] == "fail":
				yield("", d.explainFailure(errors.New("not all users could be listed by Dovecot: one of its databases cannot, or the socket's mode does not allow it")))
				return
			case f[0] == "DONE":
				return
			}
		}
	}
}

// escapes are Dovecot's, behind a byte 1.
var escapes = map[byte]byte{'0': 0, '1': 1, 't': '\t', 'r': '\r', 'n': '\n'}

func unescape(s string) string {
	if strings.IndexByte(s, 1) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == 1 && i+1 < len(s) {
			i++
			c = s[i]
			if e, ok := escapes[c]; ok {
				c = e
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

func escape(s string) string {
	return strings.NewReplacer("\x00", "\x010", "\x01", "\x011", "\t", "\x01t", "\r", "\x01r", "\n", "\x01n").Replace(s)
}
