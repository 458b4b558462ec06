// Package annotation reads the annotations of mailboxes and of the server (RFC
// 5464) that Dovecot keeps for a user in the file of mail_attribute_dict, as
// Dovecot 2.3.19 and 2.4.1 write it. Nothing is ever written.
//
// The file is one of Dovecot's dict of the driver "file": pairs of lines, a key
// and its value, in which the bytes 1, NUL, TAB, CR and LF are written as 1 and a
// digit or letter. Keys are
//
//	priv/MAILBOX/NAME     /private/NAME of a mailbox, which is named by its id
//	shared/MAILBOX/NAME   /shared/NAME
//	priv/INBOX/vendor/vendor.dovecot/pvt/server/NAME    /private/NAME of the server
//	shared/INBOX/vendor/vendor.dovecot/pvt/server/NAME  /shared/NAME
//
// with INBOX for the id of INBOX, and names in lower case. Dovecot puts a new file
// in the place of the old one, so it can be read without a lock.
//
// What is below vendor/vendor.dovecot/pvt is Dovecot's own and never told. The
// comment and the admin that all users share are settings of Dovecot, and not here.
package annotation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"dovetail/internal/fsx"
)

// MaxSize is the size in bytes of the largest file that is read.
const MaxSize = 16 << 20

const (
	own    = "vendor/vendor.dovecot/pvt/"
	server = own + "server/"
)

// Set are the annotations of a user.
type Set struct{ values map[string]string }

// Read reads a file. One that is missing has no annotations.
func Read(path string) (*Set, error) {
	f, _, err := fsx.OpenRegular(fsx.OS{}, path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return &Set{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%s has more than %d bytes", path, MaxSize)
	}
	set, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return set, nil
}

// parse reads the text of a file. An error begins with the number of the line.
func parse(text []byte) (*Set, error) {
	set := &Set{map[string]string{}}
	for n := 1; len(text) > 0; n += 2 {
		key, rest, ok := bytes.Cut(text, []byte{'\n'})
		value, rest, ok2 := bytes.Cut(rest, []byte{'\n'})
		if scope, _, _ := strings.Cut(string(key), "/"); scope != "priv" && scope != "shared" {
			return nil, fmt.Errorf("%d: '%.80s' is no key of an annotation", n, key)
		}
		if !ok || !ok2 {
			return nil, fmt.Errorf("%d: the value of '%.80s' is missing, or not whole", n+1, key)
		}
		set.values[unescape.Replace(string(key))] = unescape.Replace(string(value))
		text = rest
	}
	return set, nil
}

// unescape is the reverse of Dovecot's str_tabescape.
var unescape = strings.NewReplacer("\x010", "\x00", "\x011", "\x01", "\x01t", "\t", "\x01r", "\r", "\x01n", "\n")

// Mailbox gives the annotation of a mailbox by the mailbox's id and the name in
// lower case, /private/… or /shared/…; false without one.
func (s *Set) Mailbox(id, name string) (string, bool) {
	scope, rest := split(name)
	if scope == "" || id == "" || strings.HasPrefix(rest, own) {
		return "", false
	}
	value, ok := s.values[scope+id+"/"+rest]
	return value, ok
}

// Server gives the annotation of the server; inbox is the id of INBOX.
func (s *Set) Server(inbox, name string) (string, bool) {
	scope, rest := split(name)
	if scope == "" || inbox == "" {
		return "", false
	}
	value, ok := s.values[scope+inbox+"/"+server+rest]
	return value, ok
}

// split takes a name apart into what keys begin with, empty for a name of neither
// scope, and the rest.
func split(name string) (scope, rest string) {
	if rest, ok := strings.CutPrefix(name, "/private/"); ok {
		return "priv/", rest
	}
	if rest, ok := strings.CutPrefix(name, "/shared/"); ok {
		return "shared/", rest
	}
	return "", ""
}
