package peer

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
)

// Dir makes a folder for the test that other users can enter (unlike the one of
// testing.T) and removes it at the end. Its name is short, because the paths of
// UNIX sockets are limited to 107 bytes.
func Dir(t T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	t.Cleanup(func() {
		if os.Getenv("DOVETAIL_KEEP") != "" {
			t.Logf("kept: %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the test's folder: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatalf("%v", err)
	}
	for parent := filepath.Dir(dir); os.Geteuid() == 0 && parent != "/"; parent = filepath.Dir(parent) {
		if info, err := os.Stat(parent); err != nil || info.Mode()&0o001 == 0 {
			t.Fatalf("mail users cannot enter %s: set TMPDIR to a folder that all can (%v)", parent, err)
		}
	}
	return dir
}

// User is an account. Its password is Password.
type User struct {
	Name     string
	UID, GID int
	Extra    string // further fields of Dovecot's passwd-file, "userdb_quota_rule=*:storage=1M"
}

// Password is that of all users on all servers.
const Password = "pw"

// MailUID is the user and group of virtual users; no account has to exist.
const MailUID = 20500

// OneUID returns user1 … userN, who share one user and group.
func OneUID(n int) []User {
	users := make([]User, n)
	for i := range users {
		users[i] = User{Name: fmt.Sprintf("user%d", i+1), UID: MailUID, GID: MailUID}
	}
	return users
}

// OwnUIDs returns user1 … userN, each with a user and group of its own.
func OwnUIDs(n int) []User {
	users := OneUID(n)
	for i := range users {
		users[i].UID += i + 1
		users[i].GID = users[i].UID
	}
	return users
}

// Homes makes the users' home directories DIR/NAME, and returns DIR. On ext4 it
// asks for the homes to be spread over the disk as those of a real server are.
func Homes(t T, dir string, users []User) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("making homes: %v", err)
	}
	spread(dir)
	for _, u := range users {
		home := filepath.Join(dir, u.Name)
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatalf("making a home: %v", err)
		}
		Chown(t, home, u)
	}
	return dir
}

// WriteFile writes a file that belongs to a user, with its directories.
func WriteFile(t T, name, text string, owner User) {
	t.Helper()
	dir := filepath.Dir(name)
	if _, err := os.Stat(dir); err != nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
		Chown(t, dir, owner)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	Chown(t, name, owner)
}

// Chown gives a file or a whole directory to a user.
func Chown(t T, root string, owner User) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, owner.UID, owner.GID)
	})
	if err != nil {
		t.Fatalf("giving %s to %s: %v", root, owner.Name, err)
	}
}

// FreePort returns a TCP port of 127.0.0.1 on which nothing listens. It lies below
// the range that the kernel takes for outgoing connections. Until the end of the test
// no other call of FreePort gives it, in whatever process: the port of the same
// number on another loopback address is held as a sign that it is taken.
func FreePort(t T) int {
	t.Helper()
	for range 200 {
		port := 15000 + rand.IntN(15000)
		sign, err := net.Listen("tcp", fmt.Sprintf("127.111.0.1:%d", port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			sign.Close()
			continue
		}
		l.Close()
		t.Cleanup(func() { sign.Close() })
		return port
	}
	t.Fatalf("no free port found")
	return 0
}
