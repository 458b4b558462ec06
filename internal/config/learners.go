package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dovetail/internal/userdb/expand"
)

// The packages of the back ends are not imported: learn-spam, which is started for each
// mail that a user moves, reads the configuration too, and would pay for net/http.

// Rspamd says where rspamd's controller is.
type Rspamd struct {
	URL          string        `toml:"url" check:"controller"`       // http://HOST:PORT or unix:PATH
	Password     string        `toml:"password" secret:"yes"`        // enable_password where rspamd has one, else password
	PasswordFile string        `toml:"password_file" check:"path"`   // file with the password in its first line
	DeliverTo    string        `toml:"deliver_to" check:"template"`  // the user, for per_user Bayes; empty: not sent
	Classifier   string        `toml:"classifier"`                   // empty: rspamd's choice
	Connections  int           `toml:"connections" min:"1" max:"64"` // at once, for lessons of one user
	Timeout      time.Duration `toml:"timeout" min:"100000000"`      // for one message
}

// Spamd says where SpamAssassin's spamd is.
type Spamd struct {
	Address string        `toml:"address" check:"server"`          // unix:PATH or tcp:HOST:PORT
	User    string        `toml:"user" check:"template"`           // as spamd calls the user; empty: not sent
	Timeout time.Duration `toml:"timeout" min:"100000000"`         // for one message
	MaxSize int64         `toml:"max_size" kind:"size" min:"1024"` // spamd is slow with large messages
}

// Bogofilter says how bogofilter is run.
type Bogofilter struct {
	Program   string        `toml:"program" check:"path"`       // bogofilter itself
	Directory string        `toml:"directory" check:"homepath"` // of a user's database
	Timeout   time.Duration `toml:"timeout" min:"100000000"`    // for one run
}

// Exec names the programs that teach a message on standard input.
type Exec struct {
	Spam    []string      `toml:"spam"`                    // a program and its arguments
	Ham     []string      `toml:"ham"`                     // the same for ham
	Timeout time.Duration `toml:"timeout" min:"100000000"` // for one message
}

var (
	defaultRspamd     = Rspamd{URL: "http://127.0.0.1:11334", DeliverTo: "%u", Connections: 4, Timeout: time.Minute}
	defaultSpamd      = Spamd{Address: "tcp:127.0.0.1:783", User: "%u", Timeout: time.Minute, MaxSize: 500 << 10}
	defaultBogofilter = Bogofilter{Program: "/usr/bin/bogofilter", Directory: "~/.bogofilter", Timeout: 5 * time.Minute}
	defaultExec       = Exec{Timeout: time.Minute}
)

// checkController checks the URL of rspamd's controller.
func checkController(s string) error {
	if path, ok := strings.CutPrefix(s, "unix:"); ok && filepath.IsAbs(path) {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q: expected http://HOST:PORT or unix:/PATH", s)
	}
	return nil
}

// checkServer checks the address of a server: unix:PATH or tcp:HOST:PORT.
func checkServer(s string) error {
	network, address, _ := strings.Cut(s, ":")
	switch network {
	case "unix":
		if filepath.IsAbs(address) {
			return nil
		}
	case "tcp":
		if _, _, err := net.SplitHostPort(address); err == nil && checkHostPort(address) == nil {
			return nil
		}
	}
	return fmt.Errorf("%q: expected unix:/PATH or tcp:HOST:PORT", s)
}

// checkCommand checks a program and its arguments.
func checkCommand(words []string) error {
	if !filepath.IsAbs(words[0]) {
		return fmt.Errorf("%q is not an absolute path", words[0])
	}
	for _, word := range words[1:] {
		if _, err := expand.Parse(word); err != nil {
			return err
		}
	}
	return nil
}

// checkHomePath checks a path that may begin with ~/ or a variable.
func checkHomePath(s string) error {
	if _, err := expand.Parse(s); err != nil {
		return err
	}
	if !filepath.IsAbs(s) && !strings.HasPrefix(s, "~/") && !strings.HasPrefix(s, "%") {
		return fmt.Errorf("%q is neither an absolute path nor below the home (~/)", s)
	}
	return nil
}

// crossLearners checks the settings of back ends against each other.
func (b *binder) crossLearners() {
	l := &b.config.Learn
	for i, name := range l.Backends {
		if slices.Index(l.Backends, name) < i {
			b.fail(b.element("learn.backends", i), "%q is named twice", name)
		}
	}
	if l.Rspamd.Password != "" && l.Rspamd.PasswordFile != "" {
		b.fail("learn.rspamd.password", "password_file is set too")
	}
	for key, words := range map[string][]string{"learn.exec.spam": l.Exec.Spam, "learn.exec.ham": l.Exec.Ham} {
		if len(words) > 0 && words[0] != "" {
			b.failIf(key, checkCommand(words))
		}
	}
	if slices.Contains(l.Backends, "exec") && len(l.Exec.Spam) == 0 && len(l.Exec.Ham) == 0 {
		b.fail("learn.backends", "exec needs learn.exec.spam or learn.exec.ham")
	}
}
