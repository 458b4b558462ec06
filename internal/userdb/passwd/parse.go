package passwd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"dovetail/internal/userdb"
)

// parsePasswd reads passwd(5). As in the C library a line that makes no sense
// does not count, and the first of two lines for one user does.
func parsePasswd(r io.Reader) (map[string]*userdb.User, error) {
	users := make(map[string]*userdb.User)
	in := bufio.NewScanner(r)
	for in.Scan() {
		f := strings.Split(in.Text(), ":")
		if len(f) != 7 || f[0] == "" || strings.ContainsAny(f[0][:1], "+-#") {
			continue
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil || users[f[0]] != nil {
			continue
		}
		users[f[0]] = &userdb.User{Name: f[0], UID: uint32(uid), GID: uint32(gid), Home: f[5]}
	}
	return users, in.Err()
}

// parseGroup reads group(5) and gives the groups of each member.
func parseGroup(r io.Reader) (map[string][]uint32, error) {
	groups := make(map[string][]uint32)
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20) // a group may have many members
	for in.Scan() {
		f := strings.Split(in.Text(), ":")
		if len(f) != 4 {
			continue
		}
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		for member := range strings.SplitSeq(f[3], ",") {
			if member != "" && !slices.Contains(groups[member], uint32(gid)) {
				groups[member] = append(groups[member], uint32(gid))
			}
		}
	}
	return groups, in.Err()
}

// otherSources tells whether nsswitch.conf(5) names a source of users other than
// the files of this machine.
func otherSources(path string) (bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the sources of users: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		sources, ok := strings.CutPrefix(strings.TrimSpace(line), "passwd:")
		if !ok {
			continue
		}
		for source := range strings.FieldsSeq(sources) {
			// [NOTFOUND=return] and the like are actions, not sources.
			if !strings.HasPrefix(source, "[") && !slices.Contains([]string{"files", "compat", "db", "systemd"}, source) {
				return true, nil
			}
		}
	}
	return false, nil
}
