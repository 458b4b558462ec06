package maildir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"dovetail/internal/fsx"
	"dovetail/internal/peer"
)

// New files and folders take mode and group of what they are in, as Dovecot's do,
// whatever the umask is.
func TestPermissions(t *testing.T) {
	peer.Need(t, peer.Root)
	tests := []struct {
		name      string
		mode      fs.FileMode // of the root
		gid       int
		wantDir   fs.FileMode
		wantFile  fs.FileMode
		wantGroup int
	}{
		{"owner only", 0o700, 0, 0o700, 0o600, 0},
		{"readable", 0o755, 0, 0o755, 0o644, 0},
		{"setgid", fs.ModeSetgid | 0o770, 50, fs.ModeSetgid | 0o770, 0o660, 50},
		{"group differs", 0o750, 50, 0o750, 0o640, 50},
		{"group like the world", 0o755, 50, 0o755, 0o644, 0},
	}
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := ParseQuota([]string{"*:storage=1M"}, "")
			if err != nil {
				t.Fatal(err)
			}
			s, home := inHome(t, func(o *Options) { o.Quota = q })
			root := home + "/Maildir"
			mustMakeDirs(t, home, "Maildir")
			if err := errors.Join(os.Chown(root, -1, tt.gid), os.Chmod(root, tt.mode)); err != nil {
				t.Fatal(err)
			}
			put(t, s, "INBOX")
			put(t, s, "a/b", "Junk")
			if err := s.Subscribe(context.Background(), "a/b"); err != nil {
				t.Fatal(err)
			}
			n := 0
			err = filepath.Walk(root, func(path string, info fs.FileInfo, err error) error {
				if err != nil {
					return err
				}
				n++
				want := tt.wantFile
				if info.IsDir() {
					want = tt.wantDir | fs.ModeDir
				}
				gid := int(info.Sys().(*syscall.Stat_t).Gid)
				if path != root && (info.Mode() != want || gid != tt.wantGroup) {
					t.Errorf("%s: %v, group %d; want %v, %d", path, info.Mode(), gid, want, tt.wantGroup)
				}
				return nil
			})
			if err != nil || n < 13 {
				t.Errorf("%d files, %v", n, err)
			}
		})
	}
}

// A subfolder takes its permissions from its parent folder, not from the root.
func TestPermissionsOfSubfolder(t *testing.T) {
	for location, parent := range map[string]string{"maildir:~/M": ".a", "maildir:~/M:LAYOUT=fs": "a"} {
		loc, err := ParseLocation(location)
		if err != nil {
			t.Fatal(err)
		}
		s, home := inHome(t, func(o *Options) { o.Location = loc })
		put(t, s, "a")
		if err := os.Chmod(home+"/M/"+parent, 0o750); err != nil {
			t.Fatal(err)
		}
		path := put(t, s, "a/b")
		info, err := os.Stat(filepath.Dir(filepath.Dir(path)))
		if err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// A user who may not give files to the folder's group gives its own group nothing.
func TestGroupOfOthers(t *testing.T) {
	peer.Need(t, peer.Root)
	who := peer.OwnUIDs(1)[0]
	home := peer.Dir(t)
	s, err := Open(Options{Location: Location{Root: home + "/Maildir"}})
	if err != nil {
		t.Fatal(err)
	}
	root := home + "/Maildir"
	mustMakeDirs(t, home, "Maildir")
	if err := errors.Join(os.Chown(root, who.UID, 50), os.Chmod(root, 0o750)); err != nil {
		t.Fatal(err)
	}
	var path string
	err = fsx.Credentials{UID: uint32(who.UID), GID: uint32(who.GID)}.Do(func() error {
		path = put(t, s, "INBOX")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]fs.FileMode{path: 0o600, root + "/cur": 0o700 | fs.ModeDir} {
		info, err := os.Stat(file)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", file, info.Mode(), err, want)
		}
	}
}
