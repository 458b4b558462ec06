package selftest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// section is a block of Dovecot's configuration as doveconf prints it.
type section struct {
	kind, name string
	values     map[string]string
	inner      []*section
}

// parseDoveconf reads what `doveconf -n` prints, of 2.3 or 2.4.
func parseDoveconf(text string) (*section, error) {
	top := &section{values: map[string]string{}}
	open := []*section{top}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		in := open[len(open)-1]
		key, value, isSetting := strings.Cut(line, " = ")
		switch {
		case line == "" || line[0] == '#':
		case line == "}":
			if len(open) == 1 {
				return nil, fmt.Errorf("unexpected } in Dovecot's configuration")
			}
			open = open[:len(open)-1]
		case strings.HasSuffix(line, "{") && !isSetting:
			kind, name, _ := strings.Cut(strings.TrimSpace(strings.TrimSuffix(line, "{")), " ")
			s := &section{kind: kind, name: unquote(name), values: map[string]string{}}
			in.inner = append(in.inner, s)
			open = append(open, s)
		case isSetting:
			in.values[key] = unquote(value)
		}
	}
	if len(open) > 1 {
		return nil, fmt.Errorf("the configuration of Dovecot ends within %s", open[len(open)-1].kind)
	}
	return top, nil
}

func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return s
}

// find gives the first block of a kind and name.
func (s *section) find(kind, name string) *section {
	for _, in := range s.inner {
		if in.kind == kind && in.name == name {
			return in
		}
	}
	return &section{}
}

// list gives the words of a setting, or the keys that are "yes" in a block of its
// name, as 2.4 has it.
func (s *section) list(key string) []string {
	words := strings.Fields(s.values[key])
	for name, value := range s.find(key, "").values {
		if value == "yes" {
			words = append(words, name)
		}
	}
	return words
}

// trigger is a script of imapsieve.
type trigger struct {
	what string // the rule, for people
	path string
}

// dovecot is what matters here of a configuration.
type dovecot struct {
	imapPlugins, sievePlugins []string
	triggers                  []trigger
	gaps                      []string          // rules that Dovecot does not see
	settings                  map[string]string // of Sieve: sieve_pipe_bin_dir …
	baseDir                   string
	vszLimit                  int64 // bytes; 0: none
}

// defaultVSZ is Dovecot's default_vsz_limit.
const defaultVSZ = "256M"

func readDovecot(top *section) (*dovecot, error) {
	imap := top.find("protocol", "imap")
	d := &dovecot{settings: top.values, baseDir: top.values["base_dir"]}
	if d.baseDir == "" {
		d.baseDir = "/run/dovecot"
	}
	d.imapPlugins = imap.list("mail_plugins")
	if imap.values["mail_plugins"] == "" { // else it is in place of the other
		d.imapPlugins = append(d.imapPlugins, top.list("mail_plugins")...)
	}
	var err error
	limit := defaultVSZ
	for _, value := range []string{top.values["default_vsz_limit"], top.find("service", "imap").values["vsz_limit"]} {
		if value != "" {
			limit = value
		}
	}
	if d.vszLimit, err = parseSize(limit); err != nil {
		return nil, fmt.Errorf("vsz_limit: %w", err)
	}
	if top.values["dovecot_config_version"] != "" {
		d.sievePlugins = top.list("sieve_plugins")
		d.triggers24(top, "")
		return d, nil
	}
	plugin := top.find("plugin", "")
	d.settings = plugin.values
	d.sievePlugins = plugin.list("sieve_plugins")
	d.triggers23(plugin.values)
	return d, nil
}

var sizeText = regexp.MustCompile(`^(\d+) ?([BkKMGT]?)`)

// parseSize reads a size such as "256 M".
func parseSize(s string) (int64, error) {
	m := sizeText.FindStringSubmatch(s)
	if m == nil {
		if s == "unlimited" {
			return 0, nil
		}
		return 0, fmt.Errorf("%q is not a size", s)
	}
	n, err := strconv.ParseInt(m[1], 10, 32)
	return n << (10 * max(0, strings.Index("BKMGT", strings.ToUpper(m[2])))), err
}

var ruleKey = regexp.MustCompile(`^imapsieve_mailbox(\d+)_(name|before|after)$`)

// triggers23 reads the numbered rules. Dovecot reads them from 1 to the first gap.
func (d *dovecot) triggers23(plugin map[string]string) {
	named, scripts := map[int]string{}, map[int][]string{}
	for key, value := range plugin {
		m := ruleKey.FindStringSubmatch(key)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		switch {
		case err != nil:
		case m[2] == "name":
			named[n] = value
		default:
			scripts[n] = append(scripts[n], value)
		}
	}
	last := 1
	for ; named[last] != ""; last++ {
		for _, script := range scripts[last] {
			what := fmt.Sprintf("imapsieve_mailbox%d (%s", last, named[last])
			if from := plugin[fmt.Sprintf("imapsieve_mailbox%d_from", last)]; from != "" {
				what += " from " + from
			}
			d.triggers = append(d.triggers, trigger{what + ")", scriptPath(script)})
		}
	}
	for n := range scripts {
		if n >= last {
			d.gaps = append(d.gaps, fmt.Sprintf("imapsieve_mailbox%d", n))
		}
	}
	slices.Sort(d.gaps)
}

// triggers24 reads the scripts in blocks of mailboxes.
func (d *dovecot) triggers24(s *section, where string) {
	for _, in := range s.inner {
		switch in.kind {
		case "mailbox", "imapsieve_from":
			d.triggers24(in, in.kind+" "+in.name)
		case "namespace", "protocol":
			d.triggers24(in, "")
		case "sieve_script":
			path := in.values["path"]
			if path == "" {
				path = in.values["sieve_script_path"]
			}
			if where != "" {
				d.triggers = append(d.triggers, trigger{where + ", sieve_script " + in.name, scriptPath(path)})
			}
		}
	}
}

// scriptPath gives the path in a location such as file:/path;name=x.
func scriptPath(location string) string {
	path, _, _ := strings.Cut(strings.TrimPrefix(location, "file:"), ";")
	return path
}
