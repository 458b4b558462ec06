package peer

import (
	"os"
	"path/filepath"
	"strconv"
)

// dovecot24Root is the folder that scripts/dovecot24 prepares.
func dovecot24Root() string { return filepath.Join(CacheDir(), "dovecot24") }

// enterScript runs a program in the root folder $1, where it sees the folder for
// temporary files $2 of the machine under its own name, so that all paths mean
// the same inside and outside. The mounts are seen by that program alone, and
// go with it.
const enterScript = `set -eu
root=$1 tmp=$2
shift 2
mkdir -p "$root$tmp"
mount --bind "$tmp" "$root$tmp"
mount --rbind /dev "$root/dev"
exec chroot "$root" "$@"
`

// StartDovecot24 starts Dovecot 2.4 from the folder that scripts/dovecot24 has
// prepared. It needs root.
func StartDovecot24(t T, o DovecotOptions) *Dovecot {
	t.Helper()
	Need(t, Root, Dovecot24)
	d := newDovecot(t, &o)
	d.root = dovecot24Root()
	d.writeConfig(o, config24)
	for _, path := range []string{o.PipeDir, o.SieveBefore} {
		if rel, err := filepath.Rel(os.TempDir(), path); path != "" && (err != nil || !filepath.IsLocal(rel)) {
			t.Fatalf("%s is not below %s, which is all that Dovecot 2.4 sees", path, os.TempDir())
		}
	}
	program := []string{"/usr/bin/unshare", "--mount", "/bin/sh", "-c", enterScript, "sh", d.root, os.TempDir()}
	d.compileScripts(o, program...)
	d.begin(o, append(program, dovecotProgram, "-F", "-c", d.Config)...)
	return d
}

// enter is the command that runs another one where process pid runs.
func enter(pid int) []string {
	return []string{"/usr/bin/nsenter", "--target", strconv.Itoa(pid), "--mount", "--root", "--wd"}
}
