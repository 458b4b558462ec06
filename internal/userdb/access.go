package userdb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Access explains a refused permission: the file, its mode and owner, or the
// directory on the way to it that stops us, and who we are. Other errors are
// returned as they are.
func Access(path string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	blocked := path
	info, statErr := os.Stat(path)
	for statErr != nil && blocked != "/" && blocked != "." {
		blocked = filepath.Dir(blocked)
		info, statErr = os.Stat(blocked)
	}
	if statErr != nil {
		return err
	}
	return fmt.Errorf("%w (we are %s; %s is %s)", err, identity(), blocked, describe(info))
}

func identity() string {
	return fmt.Sprintf("uid %s, gid %s", named(os.Geteuid(), userName), named(os.Getegid(), groupName))
}

// describe tells kind, mode and owner of a file.
func describe(info fs.FileInfo) string {
	kind := "a file"
	switch {
	case info.IsDir():
		kind = "a directory"
	case info.Mode()&fs.ModeSocket != 0:
		kind = "a socket"
	}
	s := fmt.Sprintf("%s of mode %#o", kind, info.Mode().Perm())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s += fmt.Sprintf(", owner %s, group %s", named(int(st.Uid), userName), named(int(st.Gid), groupName))
	}
	return s
}

func named(id int, name func(string) string) string {
	s := strconv.Itoa(id)
	if n := name(s); n != "" {
		return s + " (" + n + ")"
	}
	return s
}

func userName(id string) string {
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return ""
}

func groupName(id string) string {
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return ""
}
