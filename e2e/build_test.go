package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// bin is where TestMain has built the programs.
var bin string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "e2e-bin")
	if err == nil {
		defer os.RemoveAll(dir)
		bin = dir
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the programs:", err)
		return 1
	}
	return m.Run()
}

// build builds the programs, as `make build` does.
func build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // mail users run them too
		return err
	}
	learnArch := runtime.GOARCH
	if learnArch == "amd64" {
		learnArch = "386" // for Dovecot's limit of address space, see Makefile
	}
	return errors.Join(
		goBuild(dir, runtime.GOARCH, "./cmd/dovetail", "./cmd/dovetail-lmtpd", "./cmd/dovetail-lda", "./cmd/dovetail-learnd", "./cmd/dovetail"),
		goBuild(dir, learnArch, "./cmd/learn-spam", "./cmd/learn-ham"))
}

func goBuild(dir, arch string, packages ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-o", dir + "/"}, packages...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// lookAtSources reads the directories that the programs are made of. It makes the
// go command run the tests again after a change: it keeps their result together
// with the files that they have looked at (and TestMain's do not count).
var lookAtSources = sync.OnceValue(func() error {
	for _, dir := range []string{"cmd", "internal", "learn", "lmtp", "maildir", "scripts", "sieve"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			return err
		}
	}
	return nil
})

// binary is the path of one of our programs.
func binary(name string) string {
	if err := lookAtSources(); err != nil {
		panic(err) // the source tree is there: the test is a part of it
	}
	return filepath.Join(bin, name)
}
