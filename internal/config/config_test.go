package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"dovetail/internal/mailerr"
)

// machine is a machine with a user vmail.
func machine(file string) Options {
	ids := func(s string) (uint32, error) {
		if s == "vmail" {
			return 100, nil
		}
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("gid %q: not on this machine", s)
		}
		return uint32(n), nil
	}
	return Options{
		File: file, Getenv: func(string) string { return "" },
		Hostname: func() (string, error) { return "host.example.org", nil }, UID: ids, GID: ids,
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dovetail.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each line of the broken files with "# ERROR text" must be reported with its
// number and a message that holds the text, and no other line.
func TestBrokenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := Load(machine(file))
			var errs Errors
			if c != nil || !errors.As(err, &errs) {
				t.Fatalf("got %v, %v", c, err)
			}
			if mailerr.ExitCode(err) != mailerr.ExConfig {
				t.Errorf("exit status %d", mailerr.ExitCode(err))
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			n := 0
			for line := range strings.Lines(string(text)) {
				n++
				if _, message, ok := strings.Cut(line, "# ERROR "); ok {
					want = append(want, fmt.Sprintf("%s:%d: ", file, n)+strings.TrimSpace(message))
				}
			}
			for i := range max(len(want), len(errs)) {
				switch {
				case i >= len(want):
					t.Errorf("not expected: %v", errs[i])
				case i >= len(errs):
					t.Errorf("missing: %s", want[i])
				default:
					at, message, _ := strings.Cut(want[i], ": ")
					if got := errs[i].Error(); !strings.HasPrefix(got, at+": ") || !strings.Contains(got, message) {
						t.Errorf("got  %s\nwant %s", got, want[i])
					}
				}
			}
		})
	}
}

func TestDesignsExample(t *testing.T) {
	o := machine("testdata/site.toml")
	o.UID = func(string) (uint32, error) { return 5000, nil }
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	if c.AuthUsernameFormat != "%n" || !c.Mail.Autocreate || c.LMTP.AddReceivedHeader || c.Userdb.Driver != "static" ||
		!slices.Equal(c.Sieve.Before, []string{"/etc/dovecot/sieve.d"}) || c.Submission.Host != "127.0.0.1:25" ||
		len(c.Expire) != 1 || c.Expire[0].Name != "read mail" || c.Learn.Rspamd.URL != "http://127.0.0.1:11334" {
		t.Errorf("got %+v", c)
	}
	if c.Hostname != "host.example.org" || c.PostmasterAddress != "postmaster@host.example.org" {
		t.Errorf("got %s, %s", c.Hostname, c.PostmasterAddress)
	}
	for key, want := range map[string]string{
		"auth_username_format": "testdata/site.toml:1", "mail.mail_location": "testdata/site.toml:4", "userdb.home": "testdata/site.toml:13",
		"learn.rspamd.url": "testdata/site.toml:25", "expire[0].query": "testdata/site.toml:30", "hostname": "default", "lmtp.recipient_limit": "default",
	} {
		if got := c.Origin(key); got != want {
			t.Errorf("%s comes from %s, want %s", key, got, want)
		}
	}
}

// What is secret is used, and not shown.
func TestSecret(t *testing.T) {
	for _, tt := range []struct{ text, key, shown string }{
		{"learn.rspamd.password = \"opensesame\"", "learn.rspamd.password", `"(secret)"`},
		{"state.url = \"postgres://me:opensesame@db/x\"", "state.url", `"postgres://me:xxxxx@db/x"`},
		{"state.url = \"postgres://db/x?user=me&password=opensesame\"", "state.url", `"postgres://db/x?password=xxxxx&user=me"`},
		{"state.url = \"postgres://me:opensesame@[db/x\"", "state.url", `"(secret)"`},
		{"state.url = \"sqlite:/x/y.db\"", "state.url", `"sqlite:/x/y.db"`},
		{"state.url = \"\"", "state.url", `""`},
	} {
		c, err := Load(machine(write(t, tt.text+"\n")))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(tt.text, "opensesame") && !strings.Contains(c.Learn.Rspamd.Password+c.State.URL, "opensesame") {
			t.Errorf("%s: it is not used", tt.text)
		}
		for _, s := range c.Settings() {
			if strings.Contains(s.Value, "opensesame") || s.Key == tt.key && s.Value != tt.shown {
				t.Errorf("%s: shown is %s = %s", tt.text, s.Key, s.Value)
			}
		}
	}
}

// Every key is read, and every key has a value that differs from its default.
func TestEveryKey(t *testing.T) {
	c, err := Load(machine("testdata/all.toml"))
	if err != nil {
		t.Fatal(err)
	}
	notUsed := []string{"users", "socket", "timeout", "url", "query", "host"} // by this driver, or beside sendmail
	for _, s := range c.Settings() {
		table, key := splitKey(s.Key)
		if s.Origin == "default" && !(slices.Contains(notUsed, key) && (table == "userdb" || table == "submission")) && !strings.HasPrefix(table, "expire[1]") && s.Key != "expire[0].archive" && s.Key != "learn.rspamd.password" { // beside password_file
			t.Errorf("%s is not in testdata/all.toml", s.Key)
		}
	}
	if got := c.Sieve.Before; !slices.Equal(got, []string{"file:/etc/b;name=x", "/etc/b2", "/etc/b3", "/etc/b10"}) {
		t.Errorf("sieve_before is %q", got)
	}
	if got := ScriptPaths(c.Sieve.Before); !slices.Equal(got, []string{"/etc/b", "/etc/b2", "/etc/b3", "/etc/b10"}) {
		t.Errorf("ScriptPaths gives %q", got)
	}
	wantOther := map[string]string{
		"sieve_plugins": "sieve_imapsieve sieve_extprograms", "sieve_vacation_send_from_recipient": "yes", "sieve_include_max_includes": "10",
		"sieve_spamtest_text_value10": "Spam", "sieve_env_display_name": "Jan",
		"sieve_editheader_header": "X-Friep Subject", "sieve_editheader_header/X-Friep/forbid_add": "yes", "sieve_editheader_header/Subject/forbid_delete": "yes",
	}
	if !maps.Equal(c.Sieve.Other, wantOther) {
		t.Errorf("other settings are %v", c.Sieve.Other)
	}
	for key, want := range map[string]string{
		"recipient_delimiter": "+-", "sieve_max_script_size": "2M", "sieve_max_cpu_time": "500msecs", "sieve_enabled": "no",
		"sieve_plugins": "sieve_imapsieve sieve_extprograms", "sieve_max_actions": "0", "sieve_pipe_exec_timeout": "1s",
	} {
		if got := c.SieveSettings()[key]; got != want {
			t.Errorf("SieveSettings: %s is %q, want %q", key, got, want)
		}
	}
	if c.LMTP.MessageSizeLimit != 50<<20 || c.LMTP.CommandTimeout != time.Hour || c.LMTP.DataTimeout != 90*time.Second || c.LMTP.SpoolMemory != 65536 {
		t.Errorf("got %+v", c.LMTP)
	}
}

// What Write writes, Load reads, to the same effect.
func TestWriteAndRead(t *testing.T) {
	for _, o := range []Options{machine("testdata/all.toml"), machine(write(t, ""))} {
		first, err := Load(o)
		if err != nil {
			t.Fatal(err)
		}
		var settings []Setting
		for _, s := range first.Settings() {
			if s.Origin != "default" {
				settings = append(settings, s)
			}
		}
		var out bytes.Buffer
		if err := Write(&out, settings); err != nil {
			t.Fatal(err)
		}
		o.File = write(t, out.String())
		second, err := Load(o)
		if err != nil {
			t.Fatalf("%v in\n%s", err, &out)
		}
		if first.File() == "" || second.File() != o.File {
			t.Errorf("read from %q and %q", first.File(), second.File())
		}
		first.origins, second.origins = nil, nil
		first.file, second.file = "", ""
		if !reflect.DeepEqual(first, second) {
			t.Errorf("got  %+v\nwant %+v\nfrom\n%s", second, first, &out)
		}
	}
}

func TestDefaultsAreValid(t *testing.T) {
	var settings bytes.Buffer
	c, err := Load(machine(write(t, "")))
	if err != nil {
		t.Fatal(err)
	}
	var checked []Setting
	for _, s := range c.Settings() {
		if table, key := splitKey(s.Key); table != "userdb" && key != "host" || key == "driver" {
			checked = append(checked, s)
		}
	}
	if err := Write(&settings, checked); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(machine(write(t, settings.String()))); err != nil {
		t.Errorf("a default is not a valid value: %v", err)
	}
}

func TestUsernameFormatOfDrivers(t *testing.T) {
	for text, want := range map[string]string{
		"": "%Ln", "[userdb]\ndriver='dovecot'": "%Lu", "auth_username_format='%u'": "%u", "auth_username_format=''": "",
	} {
		c, err := Load(machine(write(t, text)))
		if err != nil || c.AuthUsernameFormat != want {
			t.Errorf("%q: got %v, %v", text, c, err)
		}
	}
}

func TestWhereTheFileIs(t *testing.T) {
	here := write(t, "hostname = 'by-env'")
	o := machine("")
	o.Getenv = func(name string) string { return map[string]string{EnvFile: here}[name] }
	if c, err := Load(o); err != nil || c.Hostname != "by-env" {
		t.Errorf("by environment: %v", err)
	}
	o.File = write(t, "hostname = 'by-flag'")
	if c, err := Load(o); err != nil || c.Hostname != "by-flag" {
		t.Errorf("by flag: %v", err)
	}
	for _, o := range []Options{{File: "/nonexistent/x.toml"}, {Getenv: func(string) string { return "/nonexistent/x.toml" }}} {
		if _, err := Load(o); mailerr.ExitCode(err) != mailerr.ExConfig || !strings.Contains(err.Error(), "/nonexistent/x.toml") {
			t.Errorf("got %v", err)
		}
	}
	o = machine(write(t, ""))
	o.Hostname = func() (string, error) { return "", errors.New("no name") }
	if _, err := Load(o); err == nil || !strings.Contains(err.Error(), "set hostname in the configuration): no name") {
		t.Errorf("got %v", err)
	}
}

func TestOverrides(t *testing.T) {
	o := machine(write(t, "[lmtp]\nlisten = 'unix:/x'\nrecipient_limit = 7"))
	o.Overrides = []Override{
		{Key: "lmtp.listen", Values: []string{"unix:/a", "tcp:[::1]:24"}, Origin: "flag --listen"},
		{Key: "lmtp.recipient_limit", Values: []string{"9"}, Origin: "flag -o"},
		{Key: "mail.first_valid_uid", Values: []string{"1"}, Origin: "flag -o"},
		{Key: "lmtp.spool_memory", Values: []string{"1M"}, Origin: "flag -o"},
		{Key: "mail.lda_mailbox_autocreate", Values: []string{"yes"}, Origin: "flag -o"},
		{Key: "sieve.sieve_vacation_min_period", Values: []string{"1d"}, Origin: "flag -o"},
	}
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.LMTP.Listen) != 2 || c.LMTP.RecipientLimit != 9 || c.Mail.FirstValidUID != 1 || c.LMTP.SpoolMemory != 1<<20 || !c.Mail.Autocreate ||
		c.Sieve.Other["sieve_vacation_min_period"] != "1d" || c.Origin("lmtp.listen") != "flag --listen" {
		t.Errorf("got %+v", c)
	}
	for _, tt := range []struct{ key, value, want string }{
		{"lmtp.lisen", "x", "flag -o: lmtp.lisen: unknown key; did you mean listen?"},
		{"lmtp", "x", "flag -o: lmtp: "},
		{"lmtp.listen.x", "x", "flag -o: lmtp.listen.x: unknown key"},
		{"lmtp.listen", "x", "flag -o: lmtp.listen: \"x\": expected unix:PATH"},
		{"lmtp.recipient_limit", "many", "flag -o: lmtp.recipient_limit: \"many\" is not an integer"},
		{"lmtp.recipient_limit", "0", "flag -o: lmtp.recipient_limit: 0 is less than 1"},
		{"userdb.uid", "1", "flag -o: userdb.uid: driver passwd does not use this key"},
	} {
		o.Overrides = []Override{{Key: tt.key, Values: []string{tt.value}, Origin: "flag -o"}}
		if _, err := Load(o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s=%s: got %v, want %s", tt.key, tt.value, err, tt.want)
		}
	}
	o.Overrides = []Override{{Key: "hostname", Values: []string{"a", "b"}, Origin: "flag -o"}}
	if _, err := Load(o); err == nil || !strings.Contains(err.Error(), "takes one value, got 2") {
		t.Errorf("got %v", err)
	}
}

// The scan for lines finds the same keys as the parser, in the same order.
func TestKeyLines(t *testing.T) {
	text := `top = 1
"quoted key" . 'x' = """
not = "a key"
[nor.a.table]
\""""" # three quotes and two
[a]
b.c.d = [ # list
  "]", '#', [1, 2], { e = 1, f = [ { g = '}' } ] }, # comment ]
]
s = '''
[x]'''
[a.t.u]
v = 2026-11-21 10:00:00
[[arr]]
k = "1"
[arr.sub]
k = 1
[[arr]]
k = '2'
[[arr.inner]]
k = {x=1,y={z=2}}
[[arr.inner]]
k = 4
`
	want := map[string]int{
		"top": 1, "quoted key": 2, "quoted key.x": 2, "a": 6, "a.b.c.d": 7, "a.b.c.d[1]": 8, "a.b.c.d[2][1]": 8, "a.b.c.d[3].e": 8, "a.b.c.d[3].f[0].g": 8,
		"a.s": 10, "a.t.u": 12, "a.t.u.v": 13, "arr[0]": 14, "arr[0].k": 15, "arr[0].sub.k": 17, "arr[1]": 18, "arr[1].k": 19,
		"arr[1].inner[0].k.y.z": 21, "arr[1].inner[1].k": 23,
	}
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		t.Fatal(err)
	}
	got := keyLines(text)
	for key, line := range want {
		if got[key] != line {
			t.Errorf("%s: line %d, want %d", key, got[key], line)
		}
	}
	if got["not"] != 0 || got["nor"] != 0 || got["x"] != 0 {
		t.Errorf("keys out of strings: %v", got)
	}
}

func FuzzKeyLines(f *testing.F) {
	for _, file := range []string{"testdata/all.toml", "testdata/site.toml", "testdata/bad/values.toml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("a=[{b={c=1}},\n{b={c='''\n'''}}]\n[[x]]\n[x.y]\nz.\"q\"=1")
	f.Fuzz(func(t *testing.T, text string) {
		var tree map[string]any
		if _, err := toml.Decode(text, &tree); err != nil || strings.ContainsAny(text, "\\") || strings.Contains(text, "\r") {
			return
		}
		lines := keyLines(text)
		every(t, lines, "", tree)
		for key, line := range lines {
			if line < 1 || line > strings.Count(text, "\n")+1 {
				t.Errorf("%s: line %d", key, line)
			}
		}
	})
}

// every checks that each key of the tree has a line.
func every(t *testing.T, lines map[string]int, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if strings.ContainsAny(key, ".[") {
				continue
			}
			name := join(path, key)
			if lines[name] == 0 {
				t.Errorf("%q has no line", name)
			}
			every(t, lines, name, inner)
		}
	case []map[string]any:
		for i, inner := range v {
			every(t, lines, elementPath(path, i), inner)
		}
	case []any:
		for i, inner := range v {
			every(t, lines, elementPath(path, i), inner)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "10s": 10 * time.Second, "5 mins": 5 * time.Minute, "1 hour": time.Hour, "2 D": 48 * time.Hour, "1w": 7 * 24 * time.Hour, "20 ms": 20 * time.Millisecond, "3m": 3 * time.Minute,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := ParseDuration(formatDuration(got)); err != nil || again != want {
			t.Errorf("%v is written %s", got, formatDuration(got))
		}
	}
	for _, text := range []string{"", "10", "-1s", "1 fortnight", "s", "1.5h"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "100": 100, "1k": 1024, "10 M": 10 << 20, "2GB": 2 << 30, "1KiB": 1024, "3T": 3 << 40, "7B": 7,
	} {
		got, err := ParseSize(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := ParseSize(formatSize(got)); err != nil || again != want {
			t.Errorf("%v is written %s", got, formatSize(got))
		}
	}
	for _, text := range []string{"", "k", "-1", "1X", "1KM", "1iB", "1i", "9999999999999999999"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestScriptPath(t *testing.T) {
	for setting, want := range map[string]string{
		"~/.dovecot.sieve": "~/.dovecot.sieve", "file:~/sieve;active=~/.dovecot.sieve": "~/.dovecot.sieve", "file:/etc/x;name=a;bindir=/b": "/etc/x", "/a:b": "/a:b", "": "",
	} {
		if got, err := ScriptPath(setting); err != nil || got != want {
			t.Errorf("%q: %q, %v", setting, got, err)
		}
	}
}
