package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// build builds the programs that deliver, as `make build` does.
func build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // mail users run them too
		return err
	}
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/dovetail-lmtpd", "./cmd/dovetail-lda")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// binary is the path of one of our programs.
func binary(name string) string { return filepath.Join(bin, name) }
