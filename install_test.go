package dovetail_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/peer"
)

// `make install` puts programs where Sieve's pipe looks for them, also by the names
// of the shell scripts that they replace, and all else that an administrator needs,
// with the paths of this installation.
func TestInstall(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Makefile", "README.md", "docs", "scripts"} {
		if out, err := exec.Command("cp", "-r", name, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, program := range []string{"dovetail", "learn-spam", "learn-ham"} { // they need no build
		for path, text := range map[string]string{"cmd/" + program + "/main.go": "", "bin/" + program: program} {
			path = filepath.Join(dir, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "bin/man"), 0o755), os.WriteFile(filepath.Join(dir, "bin/man/dovetail.8"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	dest := filepath.Join(dir, "dest dir")
	cmd := exec.Command("make", "-s", "-o", "build", "-o", "man", "install", "DESTDIR="+dest, "PREFIX=/usr")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var programs, others []string
	err := filepath.WalkDir(dest, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		name := strings.TrimPrefix(path, dest)
		if info, _ := e.Info(); info.Mode().Perm() == 0o755 {
			programs = append(programs, name+" "+string(text))
		} else if !strings.HasPrefix(name, "/usr/share/doc/dovetail/") || name == "/usr/share/doc/dovetail/README.md" {
			others = append(others, name)
			if !strings.HasSuffix(name, ".md") && strings.Contains(string(text), "/usr/local") || info.Mode().Perm() != 0o644 {
				t.Errorf("%s: mode %v, or paths of another installation", name, info.Mode())
			}
		}
		return err
	})
	want := []string{"/usr/bin/dovetail dovetail", "/usr/bin/learn-ham learn-ham", "/usr/bin/learn-spam learn-spam",
		"/usr/lib/dovecot/learn-ham learn-ham", "/usr/lib/dovecot/learn-spam learn-spam",
		"/usr/lib/dovecot/sa-learn-ham.sh learn-ham", "/usr/lib/dovecot/sa-learn-spam.sh learn-spam"}
	if err != nil || !slices.Equal(programs, want) {
		t.Errorf("installed %q, %v; wanted %q", programs, err, want)
	}
	want = []string{"/usr/lib/systemd/system/dovetail-expire.service", "/usr/lib/systemd/system/dovetail-expire.timer",
		"/usr/lib/systemd/system/dovetail-learnd.service", "/usr/lib/systemd/system/dovetail-lmtpd.service",
		"/usr/share/doc/dovetail/README.md", "/usr/share/dovetail/dovecot/2.3/95-dovetail-learn.conf",
		"/usr/share/dovetail/dovecot/2.4/95-dovetail-learn.conf", "/usr/share/dovetail/dovecot/README.md",
		"/usr/share/dovetail/dovecot/report-ham.sieve", "/usr/share/dovetail/dovecot/report-spam.sieve", "/usr/share/dovetail/dovetail-expire.cron", "/usr/share/man/man8/dovetail.8"}
	if !slices.Equal(others, want) {
		t.Errorf("installed %q, wanted %q", others, want)
	}
}

// Each command has a manual page, with its help as it is written.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "-tags", "man", "./cmd/dovetail", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pages, err := filepath.Glob(dir + "/dovetail*.8")
	if err != nil || len(pages) < 20 {
		t.Errorf("pages %q, %v", pages, err)
	}
	help, err := exec.Command("go", "run", "./cmd/dovetail", "search", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(dir + "/dovetail-search.8")
	if err != nil {
		t.Fatal(err)
	}
	long, _, _ := strings.Cut(string(help), "\nUsage:")
	if page := strings.ReplaceAll(string(text), `\`, ""); !strings.Contains(page, ".EX\n"+long) {
		t.Errorf("the help is not in the page as it is:\n%s", page)
	}
	for _, want := range []string{"\n.SH SYNOPSIS\n\\fBdovetail search [-u USER|-A|-F FILE|--imap URL] QUERY... [flags]", "a mask with * and ?", "SEE ALSO"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
}

// systemd takes the units as they are.
func TestUnits(t *testing.T) {
	peer.Need(t, peer.Systemd)
	dir := t.TempDir()
	program := regexp.MustCompile(`ExecStart=\S+`)
	args := []string{"verify", "--man=no"}
	for _, unit := range []string{"dovetail-lmtpd.service", "dovetail-learnd.service", "dovetail-expire.service", "dovetail-expire.timer"} {
		text, err := os.ReadFile("scripts/" + unit)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, unit)
		text = program.ReplaceAll(text, []byte("ExecStart=/bin/true")) // which is there
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
