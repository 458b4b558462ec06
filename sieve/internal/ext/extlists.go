package ext

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"dovetail/internal/fsx"
	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// External lists are files of the site, named in the settings under Dovecot's
// names, for each list NAME:
//
//	sieve_extlists_list/NAME/file            one entry a line; empty lines and those with # are none
//	sieve_extlists_list/NAME/dict/file/path  a file of Dovecot's dict: pairs of lines, priv/sieve/extlists/ENTRY and a value
//	sieve_extlists_list/NAME/max_lookup_size longest value that is looked up, 1024 bytes
//
// A list without a file is empty, and so is the default address book where it is
// not defined. A file is read when a script asks for the list, once a run, with
// the rights of the process: so it must be absolute, and is no user's.
// Entries are compared without regard to the case of ASCII letters.
var _ = engine.Register(&engine.Extension{
	Name: "extlists", Spec: "RFC 6134", OptIn: true,
	Configs: []engine.Configuration{extlists},
	MatchTypes: []engine.MatchType{{
		Name: "list",
		Check: func(c *engine.Call, _ *engine.MatchUse) error {
			if c.Tag("comparator") != nil {
				return errors.New("the :list match type does not allow a comparator")
			}
			return nil
		},
		OverKeys: matchLists,
	}},
	Commands: []engine.Command{{
		Name:   "valid_ext_list",
		Params: []engine.Param{{Name: "ext-list-names", Kind: engine.StringList}},
		Test:   compileValidExtList,
	}},
	Tags: []engine.Tag{{
		Name: "list", On: []string{"redirect"},
		Instead: &engine.Command{
			Name: "redirect", Op: compileRedirectList,
			Params: []engine.Param{{Name: "ext-list-name", Kind: engine.String}},
		},
	}},
})

// extlist is a list of the settings.
type extlist struct {
	name    string // normalized
	path    string // "": empty
	dict    bool   // it is a file of Dovecot's dict
	maxSize uint64
}

const (
	extlistPrefix  = "sieve_extlists_list"
	extlistDefault = "urn:ietf:params:sieve:addrbook:default" // RFC 6134 section 2.6
	extlistDictKey = "priv/sieve/extlists/"
	maxExtlistFile = 16 << 20 // bytes of a list's file
)

var extlists = engine.NewConfig(func(s engine.Settings) ([]extlist, error) {
	var lists []extlist
	var errs []error
	for _, name := range strings.Fields(s[extlistPrefix]) {
		key := extlistPrefix + "/" + name + "/"
		if n := s[key+"name"]; n != "" {
			name = n
		}
		normal, err := normalizeListName(name)
		size, err2 := s.Size(key+"max_lookup_size", 1024, 1)
		l := extlist{name: normal, path: s[key+"file"], maxSize: size}
		if path := s[key+"dict/file/path"]; l.path == "" && path != "" {
			l.path, l.dict = path, true
		}
		switch {
		case err != nil:
			err = fmt.Errorf("%s: list name '%s' is invalid: %w", extlistPrefix, name, err)
		case slices.ContainsFunc(lists, func(have extlist) bool { return strings.EqualFold(have.name, normal) }):
			err = fmt.Errorf("%s: duplicate list definition with name '%s'", extlistPrefix, name)
		case l.path != "" && !strings.HasPrefix(l.path, "/"):
			err = fmt.Errorf("%s: the file %q of list '%s' is not an absolute path", extlistPrefix, l.path, name)
		default:
			lists = append(lists, l)
		}
		errs = append(errs, err, err2)
	}
	if !slices.ContainsFunc(lists, func(l extlist) bool { return strings.EqualFold(l.name, extlistDefault) }) {
		lists = append(lists, extlist{name: extlistDefault})
	}
	return lists, errors.Join(errs...)
})

// normalizeListName makes a whole URI of a name, with its encoding removed: a tag
// URI, or a URN, of which the part that Sieve's lists have in common may be left
// out (RFC 6134 section 2.5).
func normalizeListName(name string) (string, error) {
	if strings.HasPrefix(name, ":") {
		name = "urn:ietf:params:sieve" + name
	}
	scheme, rest, ok := strings.Cut(name, ":")
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) }
	switch {
	case !ok:
		return "", errors.New("invalid URI scheme")
	case !strings.EqualFold(scheme, "urn") && !strings.EqualFold(scheme, "tag"):
		return "", fmt.Errorf("%s: scheme not supported for external list name", strings.ToLower(scheme))
	case rest == "" || strings.ContainsFunc(rest, bad) || strings.EqualFold(scheme, "urn") && !strings.Contains(strings.Trim(rest, ":"), ":"):
		return "", errors.New("invalid URI")
	}
	rest, err := url.PathUnescape(rest)
	if err != nil {
		return "", fmt.Errorf("invalid URI: %w", err)
	}
	return strings.ToLower(scheme) + ":" + rest, nil
}

// findExtlist finds a list by its name.
func findExtlist(h engine.Holder, name string) (*extlist, error) {
	normal, err := normalizeListName(name)
	if err != nil {
		return nil, fmt.Errorf("'%.1024s' is not a valid list name: %w", name, err)
	}
	lists := extlists.Of(h)
	for i := range lists {
		if strings.EqualFold(lists[i].name, normal) {
			return &lists[i], nil
		}
	}
	return nil, fmt.Errorf("'%.1024s' is not a known list name", name)
}

// listsRead are the lists that a run has read, by their names.
type listsRead struct {
	entries map[string][]string
	sets    map[string]map[string]string // by the entry in lower case
}

var runLists = engine.NewState(func() *listsRead {
	return &listsRead{entries: map[string][]string{}, sets: map[string]map[string]string{}}
})

// entries gives the entries of a list as they are written.
func (l *extlist) entries(r *engine.Run) ([]string, error) {
	read := runLists.Of(r)
	if list, ok := read.entries[l.name]; ok || l.path == "" {
		return list, nil
	}
	list, err := readExtlist(l)
	if err != nil {
		return nil, fmt.Errorf("external list '%s': %w", l.name, err)
	}
	read.entries[l.name], read.sets[l.name] = list, map[string]string{}
	for _, e := range list {
		read.sets[l.name][asciiLower(e)] = e
	}
	return list, nil
}

// find gives the entry of the list that a value matches.
func (l *extlist) find(r *engine.Run, value string) (entry string, ok bool, err error) {
	if uint64(len(value)) > l.maxSize {
		return "", false, nil
	}
	_, err = l.entries(r)
	entry, ok = runLists.Of(r).sets[l.name][asciiLower(value)]
	return entry, ok && err == nil, err
}

func readExtlist(l *extlist) ([]string, error) {
	f, st, err := fsx.OpenRegular(fsx.OS{}, l.path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	if st.Size() > maxExtlistFile {
		return nil, fmt.Errorf("%s has more than %d bytes", l.path, maxExtlistFile)
	}
	var list []string
	lines := bufio.NewScanner(f)
	for n := 0; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if l.dict {
			if entry, ok := strings.CutPrefix(line, extlistDictKey); ok && n%2 == 0 {
				list = append(list, strings.NewReplacer(`\|`, `/`, `\\`, `\`).Replace(entry))
			}
		} else if line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list, lines.Err()
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// matchLists matches a value that is in one of the lists (RFC 6134 section 2.2).
// The entry as the list has it is match variable 0. A list that nobody knows is
// empty, with a warning.
func matchLists(r *engine.Run, _ *engine.MatchUse, value string, names []string) (bool, error) {
	for _, name := range names {
		l, err := findExtlist(r, name)
		if err != nil {
			r.Warn(r.Pos(), `key item for ":list" match: %v`, err)
			continue
		}
		entry, ok, err := l.find(r, value)
		if err != nil {
			return false, r.Fail(r.Pos(), `":list" match: %w`, err)
		}
		if ok {
			if r.WantsCaptures() {
				r.SetCaptured([]string{entry})
			}
			return true, nil
		}
	}
	return false, nil
}

// compileValidExtList is true when all of the lists are known (RFC 6134 section 2.7).
func compileValidExtList(c *engine.Call) (engine.Cond, error) {
	names := c.Strs(0)
	return func(r *engine.Run) (bool, error) {
		for _, s := range names {
			if _, err := findExtlist(r, s.Eval(r)); err != nil {
				return false, nil
			}
		}
		return true, nil
	}, nil
}

// compileRedirectList redirects to every entry of a list (RFC 6134 section 2.3),
// each of which counts as a redirect against the limit.
func compileRedirectList(c *engine.Call) (engine.Op, error) {
	if c.Limits().Redirects == 0 {
		return nil, errors.New("local policy prohibits the use of a redirect action")
	}
	if name, known := c.Str(0).Const(); known {
		if _, err := findExtlist(c, name); err != nil {
			return nil, c.Errorf(c.ArgPos(0), "redirect command: %w", err)
		}
	}
	return func(r *engine.Run) error {
		l, err := findExtlist(r, c.Str(0).Eval(r))
		if err != nil {
			return r.Fail(c.Pos, "redirect action: %w", err)
		}
		entries, err := l.entries(r)
		if err != nil {
			return r.Fail(c.Pos, "redirect action: %w", err)
		}
		for _, e := range entries {
			a, err := message.ParseAddress(e)
			if err != nil {
				return r.Fail(c.Pos, "redirect action: the entry '%.128s' of external list '%s' is invalid: %w", e, l.name, err)
			}
			if err := r.Do(c, &action.Redirect{Address: a.String(), Message: r.Message().Unenclosed()}); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
