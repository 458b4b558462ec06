package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
)

// DefaultFile is read when no other file is named and it exists.
const DefaultFile = "/etc/dovetail/dovetail.toml"

// EnvFile is the environment variable that names the file.
const EnvFile = "DOVETAIL_CONFIG"

// Options say where the configuration comes from. The zero value is what a
// program without flags reads.
type Options struct {
	File      string                 // --config; empty: $DOVETAIL_CONFIG, else DefaultFile if it exists, else the defaults
	Overrides []Override             // settings given by flags, in their order
	Getenv    func(string) string    // nil is os.Getenv
	Hostname  func() (string, error) // nil is os.Hostname
	// UID and GID look up names of users and groups; nil asks the machine.
	UID, GID func(string) (uint32, error)
}

// Override is a setting from elsewhere than the file.
type Override struct {
	Key    string // full name, e.g. "lmtp.listen"
	Values []string
	Origin string // e.g. "flag --listen"
}

// Error is one thing that is wrong.
type Error struct {
	Origin string // FILE:LINE, FILE or a flag
	Line   int    // 0 when unknown
	Key    string // full name, may be empty
	Msg    string
}

func (e *Error) Error() string {
	if e.Key == "" {
		return e.Origin + ": " + e.Msg
	}
	return e.Origin + ": " + e.Key + ": " + e.Msg
}

// Errors is everything that is wrong, in the order of the file.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Load reads the configuration. Its error carries the exit status 78 and, unless
// the file cannot be read, is an Errors.
func Load(o Options) (*Config, error) {
	file, text, err := o.read()
	if err != nil {
		return nil, broken(err)
	}
	c := Defaults()
	c.file, c.origins = file, make(map[string]string)
	b := &binder{config: c, file: file, uid: o.UID, gid: o.GID}
	if b.uid == nil {
		b.uid = userdb.UID
	}
	if b.gid == nil {
		b.gid = userdb.GID
	}
	if text != "" {
		if err := b.parse(text); err != nil {
			return nil, broken(err)
		}
	}
	for _, override := range o.Overrides {
		b.override(override)
	}
	if err := c.fillIn(o.Hostname); err != nil {
		return nil, broken(err)
	}
	b.cross()
	if len(b.errs) > 0 {
		slices.SortStableFunc(b.errs, func(x, y *Error) int { return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Key, y.Key)) })
		return nil, broken(Errors(b.errs))
	}
	return c, nil
}

// read finds and reads the file.
func (o Options) read() (file, text string, err error) {
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	file, by := o.File, "flag --config"
	if file == "" {
		file, by = getenv(EnvFile), "environment variable "+EnvFile
	}
	if file == "" {
		file, by = DefaultFile, "default"
	}
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && by == "default" {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("reading the configuration (%s): %w", by, err)
	}
	return file, string(content), nil
}

// parse takes the file over. A file that is not TOML has one error only.
func (b *binder) parse(text string) error {
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			e := &Error{Origin: fmt.Sprintf("%s:%d", b.file, syntax.Position.Line), Line: syntax.Position.Line, Key: syntax.LastKey, Msg: syntax.Message}
			if e.Msg == "" {
				e.Msg = strings.TrimPrefix(err.Error(), "toml: ")
			}
			return Errors{e}
		}
		return Errors{{Origin: b.file, Msg: err.Error()}}
	}
	b.lines = keyLines(text)
	b.table("", reflect.ValueOf(b.config).Elem(), tree)
	b.takeLater()
	return nil
}

// fillIn gives values to what depends on the machine.
func (c *Config) fillIn(hostname func() (string, error)) error {
	if hostname == nil {
		hostname = os.Hostname
	}
	if c.Hostname == "" {
		name, err := hostname()
		if err != nil {
			return fmt.Errorf("asking for the machine's name (set hostname in the configuration): %w", err)
		}
		c.Hostname = name
	}
	// QUIRK: Dovecot's default is %Lu throughout; but the machine's own users have
	// no domain, so that no address would ever be one of them.
	if _, set := c.origins["auth_username_format"]; !set && c.Userdb.Driver == "passwd" {
		c.AuthUsernameFormat = "%Ln"
	}
	if c.PostmasterAddress == "" {
		c.PostmasterAddress = "postmaster@" + c.Hostname
	}
	return nil
}

func broken(err error) error {
	e := mailerr.Temp(err, "Configuration error")
	e.Exit = mailerr.ExConfig
	return e
}
