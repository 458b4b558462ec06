package selftest

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Dovecot tells how to ask a Dovecot for its configuration, and what it does.
type Dovecot struct {
	Doveconf string // program; empty: the one in PATH
	Sievec   string // program; empty: the one in PATH
	Config   string // file; empty: Dovecot's own
	// Do does something with the rights of the user whose mail it is.
	Do func(func() error) error
}

// errNotThere says that there is no Dovecot to be looked at.
var errNotThere = errors.New("there is no doveconf on this machine")

// Check looks whether what users do over IMAP gets to the learning programs.
func (o Dovecot) Check(ctx context.Context, r *Report) {
	d, err := o.read(ctx)
	if errors.Is(err, errNotThere) {
		r.Skip("dovecot", err.Error())
		return
	}
	if err != nil {
		r.Fail("dovecot", err, "see `doveconf -n`")
		return
	}
	o.plugins(r, d)
	switch {
	case len(d.gaps) > 0:
		r.Fail("imapsieve rules", fmt.Errorf("%s: Dovecot reads them from 1 to the first number that is missing", strings.Join(d.gaps, ", ")),
			"number the rules from 1 without a gap")
	case len(d.triggers) == 0:
		r.Fail("imapsieve rules", errors.New("no script is run for any mailbox"), "take the file of scripts/dovecot for this Dovecot")
	default:
		r.OK("imapsieve rules", fmt.Sprintf("%d", len(d.triggers)))
	}
	var seen []string
	for _, t := range d.triggers {
		if !slices.Contains(seen, t.path) {
			seen = append(seen, t.path)
			o.script(ctx, r, d, t)
		}
	}
}

func (o Dovecot) read(ctx context.Context) (*dovecot, error) {
	out, err := o.run(ctx, o.Doveconf, "doveconf", "-n")
	if err != nil {
		return nil, err
	}
	top, err := parseDoveconf(out)
	if err != nil {
		return nil, err
	}
	return readDovecot(top)
}

// run runs a program of Dovecot's.
func (o Dovecot) run(ctx context.Context, program, name string, args ...string) (string, error) {
	if program == "" {
		program = name
	}
	if o.Config != "" {
		args = append([]string{"-c", o.Config}, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", errNotThere
	case errors.As(err, &exit):
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(exit.Stderr)))
	}
	return string(out), err
}

func (o Dovecot) plugins(r *Report, d *dovecot) {
	for _, p := range []struct {
		plugin, setting string
		list            []string
	}{
		{"imap_sieve", "mail_plugins of protocol imap", d.imapPlugins},
		{"sieve_imapsieve", "sieve_plugins", d.sievePlugins},
		{"sieve_extprograms", "sieve_plugins", d.sievePlugins},
	} {
		if slices.Contains(p.list, p.plugin) {
			r.OK("plugin "+p.plugin, "")
		} else {
			r.Fail("plugin "+p.plugin, fmt.Errorf("it is not in %s: nothing of all this happens, and nothing is logged", p.setting),
				fmt.Sprintf("add it to %s and restart Dovecot", p.setting))
		}
	}
}

// call is a program that a script calls.
type call struct{ command, program string }

var (
	callText = regexp.MustCompile(`\b(execute|pipe)(?:\s+:(?:pipe|copy|try))*\s+"([^"]+)"`)
	comment  = regexp.MustCompile(`(?m)^\s*#.*$`)
)

// script looks at one script and the programs that it calls.
func (o Dovecot) script(ctx context.Context, r *Report, d *dovecot, t trigger) {
	step := "script " + t.path
	text, err := os.ReadFile(t.path)
	if err == nil {
		err = o.Do(func() error { return readable(t.path) })
	}
	if err != nil {
		r.Fail(step, fmt.Errorf("%s: %w", t.what, err), "install it where users can read it, see scripts/dovecot")
		return
	}
	if err := o.compile(ctx, t.path); err != nil {
		r.Fail(step, err, "mend the script, or add what it requires to sieve_global_extensions")
		return
	}
	if stale(t.path) {
		r.Warn(step, "its binary is missing or older: users may not write it, so each move logs an error", "sievec "+t.path)
	} else {
		r.OK(step, "")
	}
	var seen []call
	for _, m := range callText.FindAllStringSubmatch(comment.ReplaceAllString(string(text), ""), -1) {
		c := call{m[1], m[2]}
		if !slices.Contains(seen, c) {
			seen = append(seen, c)
			o.program(r, d, c)
		}
	}
	if len(seen) == 0 {
		r.Warn(step, "it calls no program", "")
	}
}

func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// compile compiles a script as Dovecot does, into a file that is thrown away.
func (o Dovecot) compile(ctx context.Context, path string) error {
	dir, err := os.MkdirTemp("", "selftest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err = o.run(ctx, o.Sievec, "sievec", path, filepath.Join(dir, "out.svbin")); errors.Is(err, errNotThere) {
		return nil
	}
	return err
}

// stale tells whether Dovecot would have to compile a script.
func stale(path string) bool {
	script, err := os.Stat(path)
	if err != nil {
		return true
	}
	binary, err := os.Stat(strings.TrimSuffix(path, ".sieve") + ".svbin")
	return err != nil || binary.ModTime().Before(script.ModTime())
}

// program looks for a program as Dovecot does: a socket first, then a file.
func (o Dovecot) program(r *Report, d *dovecot, c call) {
	step := fmt.Sprintf("%s %q", c.command, c.program)
	if dir := d.settings["sieve_"+c.command+"_socket_dir"]; dir != "" {
		path := filepath.Join(d.baseDir, dir, c.program) // an absolute dir, too
		if info, err := os.Stat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
			if err := o.Do(func() error { return dial(path) }); err != nil {
				r.Fail(step, fmt.Errorf("socket %s: %w", path, err), "start dovetail-learnd, or look at socket_mode of [learn]")
			} else {
				r.OK(step, "socket "+path)
			}
			return
		}
	}
	dir := d.settings["sieve_"+c.command+"_bin_dir"]
	if dir == "" {
		r.Fail(step, fmt.Errorf("sieve_%s_bin_dir is not set", c.command), "set it to the folder of learn-spam and learn-ham")
		return
	}
	path := filepath.Join(dir, c.program)
	err := o.Do(func() error { return unixAccess(path) })
	if err == nil {
		err = fits(path, d.vszLimit)
	}
	if err != nil {
		r.Fail(step, fmt.Errorf("%s: %w", path, err), "`make install` puts the programs there; vsz_limit is a setting of Dovecot's service imap")
		return
	}
	r.OK(step, path)
}

func dial(path string) error {
	c, err := net.DialTimeout("unix", path, 5*time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// goNeeds is the address space that a Go program of 64 bits reserves when it starts.
const goNeeds = 700 << 20

// fits tells whether a program can start within Dovecot's limit of address space.
func fits(path string, limit int64) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil || limit == 0 || limit >= goNeeds {
		return nil // no program of Go, or no limit for it
	}
	for _, s := range info.Settings {
		if s.Key == "GOARCH" && !slices.Contains([]string{"386", "arm", "mips", "mipsle"}, s.Value) {
			return fmt.Errorf("it is a program of 64 bits and does not start within vsz_limit, %d MiB", limit>>20)
		}
	}
	return nil
}
