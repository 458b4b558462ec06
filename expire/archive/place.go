package archive

import (
	"fmt"
	"path/filepath"
	"strings"

	"dovetail/internal/userdb/expand"
)

// Place is where messages go; see the package's documentation. It may be shared.
type Place struct {
	text  string
	kind  kind
	path  *expand.Template
	boxed bool // the path names the mailbox
}

type kind string

const (
	mboxFile kind = "mbox"
	maildirs kind = "maildir"
)

// Parse reads a place.
func Parse(s string) (*Place, error) {
	kinds, path, _ := strings.Cut(s, ":")
	p := &Place{text: s, kind: kind(kinds)}
	if p.kind != mboxFile && p.kind != maildirs {
		return nil, fmt.Errorf("%q: expected mbox:PATH or maildir:PATH", s)
	}
	if !filepath.IsAbs(path) && !strings.HasPrefix(path, "~/") && !strings.HasPrefix(path, "%") {
		return nil, fmt.Errorf("%q: the path is neither absolute nor below the home (~/)", s)
	}
	if strings.HasSuffix(path, "/") && p.kind == mboxFile {
		return nil, fmt.Errorf("%q: a directory, and not the name of a file", s)
	}
	var err error
	if p.path, err = expand.ParseForMessage(path); err != nil {
		return nil, err
	}
	p.boxed = p.path.Uses("mailbox")
	return p, nil
}

// String gives the place as it was written.
func (p *Place) String() string { return p.text }

// expand gives the path for a message. A "~/" is still the home for a Maildir.
func (p *Place) expand(v expand.Vars, separator, mailbox string, year int) (string, error) {
	v.Mailbox, v.Year = fileName(mailbox, separator), year
	forbid := ""
	if p.kind == maildirs {
		forbid = ":"
	}
	path, err := p.path.Path(&v, forbid)
	if err != nil {
		return "", err
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if v.Home == "" {
			return "", fmt.Errorf("%s: there is no home", p.text)
		}
		path = filepath.Clean(v.Home) + "/" + rest
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%s: %q is not an absolute path", p.text, path)
	}
	return path, nil
}

// fileName makes a name for files of a mailbox's.
func fileName(mailbox, separator string) string {
	parts := strings.Split(mailbox, separator)
	for i, part := range parts {
		parts[i] = strings.NewReplacer("%", "%25", ".", "%2E", "/", "%2F", ":", "%3A").Replace(part)
	}
	return strings.Join(parts, ".")
}
