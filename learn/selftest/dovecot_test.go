package selftest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/learn/selftest"
)

// conf23 and conf24 are what doveconf -n prints of working configurations; DIR is
// the test's folder.
const (
	conf23 = `# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf
base_dir = DIR/run
mail_plugins = quota
plugin {
  imapsieve_mailbox1_before = file:DIR/spam.sieve
  imapsieve_mailbox1_causes = COPY APPEND
  imapsieve_mailbox1_name = Spam
  imapsieve_mailbox2_before = file:DIR/ham.sieve;name=ham
  imapsieve_mailbox2_from = Spam
  imapsieve_mailbox2_name = *
  sieve_execute_bin_dir = DIR/bin
  sieve_execute_socket_dir = learn
  sieve_pipe_bin_dir = DIR/bin
  sieve_plugins = sieve_imapsieve sieve_extprograms
}
service imap {
  vsz_limit = 1 G
}
protocol imap {
  mail_plugins = " imap_sieve"
}
`
	conf24 = `# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf
dovecot_config_version = 2.4.1
base_dir = DIR/run
sieve_execute_bin_dir = DIR/bin
sieve_execute_socket_dir = learn
sieve_pipe_bin_dir = DIR/bin
sieve_plugins {
  sieve_imapsieve = yes
  sieve_extprograms = yes
}
service imap {
  vsz_limit = 1G
}
protocol imap {
  mail_plugins {
    imap_sieve = yes
  }
}
namespace inbox {
  mailbox Spam {
    sieve_script a {
      path = DIR/spam.sieve
      type = before
    }
  }
}
imapsieve_from Spam {
  sieve_script b {
    sieve_script_path = DIR/ham.sieve
  }
}
`
)

// installation is a Dovecot of files.
type installation struct {
	t   *testing.T
	dir string
}

func install(t *testing.T, conf string) installation {
	t.Helper()
	i := installation{t, t.TempDir()}
	i.write("conf", strings.ReplaceAll(conf, "DIR", i.dir), 0o644)
	i.write("doveconf", "#!/bin/sh\ncat "+i.dir+"/conf\n", 0o755)
	i.write("sievec", "#!/bin/sh\nif grep broken \"$1\"; then echo 'line 1: broken' >&2; exit 1; fi\n", 0o755)
	i.write("spam.sieve", "# execute \"old\"\nif not execute :pipe \"learn-spam\" [\"x\"] { pipe :copy :try \"learn-spam\"; }\n", 0o644)
	i.write("ham.sieve", "pipe :copy \"learn-ham\" [ \"${user}\" ];\n", 0o644)
	for _, class := range []string{"spam", "ham"} {
		i.write(class+".svbin", "", 0o644)
		i.write("bin/learn-"+class, "#!/bin/sh\n", 0o755)
	}
	return i
}

func (i installation) write(name, text string, mode os.FileMode) {
	i.t.Helper()
	path := filepath.Join(i.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		i.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		i.t.Fatal(err)
	}
}

// edit replaces text of the configuration.
func (i installation) edit(old, new string) {
	i.t.Helper()
	text, err := os.ReadFile(filepath.Join(i.dir, "conf"))
	if err != nil || !strings.Contains(string(text), old) {
		i.t.Fatalf("no %q in the configuration, %v", old, err)
	}
	i.write("conf", strings.ReplaceAll(string(text), old, new), 0o644)
}

func (i installation) remove(name string) {
	i.t.Helper()
	if err := os.Remove(filepath.Join(i.dir, name)); err != nil {
		i.t.Fatal(err)
	}
}

func (i installation) check() *selftest.Report {
	r := &selftest.Report{}
	o := selftest.Dovecot{Doveconf: i.dir + "/doveconf", Sievec: i.dir + "/sievec", Do: func(f func() error) error { return f() }}
	o.Check(i.t.Context(), r)
	return r
}

// Each broken link is found, and nothing else.
func TestDovecot(t *testing.T) {
	const v23, v24 = "2.3", "2.4"
	confs := map[string]string{v23: conf23, v24: conf24}
	for _, c := range []struct {
		name, version string
		breakIt       func(i installation)
		want          string // "result name: detail" of the only step that is not ok; empty: all are
	}{
		{"all is well", v23, func(installation) {}, ""},
		{"all is well", v24, func(installation) {}, ""},
		{"a plugin of imap", v23, func(i installation) { i.edit(" imap_sieve", " imap_quota") }, "broken plugin imap_sieve: it is not in mail_plugins of protocol imap"},
		{"a plugin of imap", v24, func(i installation) { i.edit("imap_sieve = yes", "imap_sieve = no") }, "broken plugin imap_sieve: it is not in"},
		{"a plugin of all", v23, func(i installation) {
			i.edit("mail_plugins = \" imap_sieve\"", "x = y")
			i.edit("quota", "quota imap_sieve")
		}, ""},
		{"a plugin of Sieve", v23, func(i installation) { i.edit("sieve_imapsieve ", "") }, "broken plugin sieve_imapsieve: it is not in sieve_plugins"},
		{"a plugin of Sieve", v24, func(i installation) { i.edit("sieve_extprograms", "sieve_x") }, "broken plugin sieve_extprograms: it is not in sieve_plugins"},
		{"rules with a gap", v23, func(i installation) { i.edit("mailbox2", "mailbox3") }, "broken imapsieve rules: imapsieve_mailbox3: Dovecot reads them from 1"},
		{"rules from 3 on", v23, func(i installation) { i.edit("mailbox1", "mailbox3"); i.edit("mailbox2", "mailbox4") },
			"broken imapsieve rules: imapsieve_mailbox3, imapsieve_mailbox4: Dovecot"},
		{"no rules", v23, func(i installation) { i.edit("imapsieve_mailbox", "x") }, "broken imapsieve rules: no script is run"},
		{"no rules", v24, func(i installation) { i.edit("mailbox Spam", "x Spam"); i.edit("imapsieve_from", "x") }, "broken imapsieve rules: no script is run"},
		{"no script", v24, func(i installation) { i.remove("ham.sieve") }, "broken script DIR/ham.sieve: imapsieve_from Spam, sieve_script b: open"},
		{"a broken script", v23, func(i installation) { i.write("ham.sieve", "broken", 0o644) }, "broken script DIR/ham.sieve: sievec: exit status 1: line 1: broken"},
		{"no binary", v23, func(i installation) { i.remove("ham.svbin") }, "warning script DIR/ham.sieve: its binary is missing"},
		{"no program", v23, func(i installation) { i.remove("bin/learn-ham") }, `broken pipe "learn-ham": DIR/bin/learn-ham: cannot be executed: no such file`},
		{"program without right", v24, func(i installation) {
			i.write("x", "", 0o644)
			i.remove("bin/learn-ham")
			i.write("bin/learn-ham", "", 0o644)
		},
			`broken pipe "learn-ham": DIR/bin/learn-ham: cannot be executed: permission denied`},
		{"no folder of programs", v23, func(i installation) { i.edit("sieve_pipe_bin_dir = DIR", "x = DIR") }, ""},
		{"dead socket", v23, func(i installation) { i.socket("run/learn/learn-spam").Close() }, `broken execute "learn-spam": socket DIR/run/learn/learn-spam: dial`},
		{"socket", v24, func(i installation) { i.socket("run/learn/learn-spam"); i.edit("sieve_execute_bin_dir", "x") }, ""},
		{"not readable", v23, func(i installation) { i.write("conf", "plugin {\n", 0o644) }, "broken dovecot: the configuration of Dovecot ends within plugin"},
		{"not readable", v23, func(i installation) { i.write("conf", "}\n", 0o644) }, "broken dovecot: unexpected }"},
		{"fails", v23, func(i installation) { i.write("doveconf", "#!/bin/sh\necho oh >&2; exit 1\n", 0o755) }, "broken dovecot: doveconf: exit status 1: oh"},
		{"absent", v23, func(i installation) { i.remove("doveconf") }, "broken dovecot: fork/exec DIR/doveconf"},
	} {
		t.Run(c.name+" "+c.version, func(t *testing.T) {
			i := install(t, confs[c.version])
			if c.name == "no folder of programs" {
				i.edit("sieve_pipe_bin_dir", "x")
				c.want = `broken pipe "learn-spam": sieve_pipe_bin_dir is not set|broken pipe "learn-ham": sieve_pipe_bin_dir is not set`
			} else {
				c.breakIt(i)
			}
			var got []string
			broken := 0
			report := i.check()
			for _, s := range report.Steps {
				if s.Result != selftest.OK {
					got = append(got, strings.ReplaceAll(fmt.Sprintf("%s %s: %s", s.Result, s.Name, s.Detail), i.dir, "DIR"))
				}
				if s.Result == selftest.Fail {
					broken++
				}
				if (s.Result == selftest.Fail || s.Result == selftest.Warn) && s.Mend == "" {
					t.Errorf("%s: how to mend it is not said", s.Name)
				}
			}
			want := strings.Split(c.want, "|")
			if c.want == "" {
				want = nil
			}
			if len(got) != len(want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], want[i]) {
					t.Errorf("got %q, want %q", got[i], want[i])
				}
			}
			if report.Broken() != broken {
				t.Errorf("%d broken, want %d", report.Broken(), broken)
			}
		})
	}
}

func (i installation) socket(name string) *net.UnixListener {
	i.t.Helper()
	path := filepath.Join(i.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		i.t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		i.t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	i.t.Cleanup(func() { l.Close() })
	return l
}

// A Go program of 64 bits, as this test is, does not start within Dovecot's limit.
func TestAddressSpace(t *testing.T) {
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[string]int{"1 G": 0, "unlimited": 0, "0": 0, "256 M": 1} {
		i := install(t, conf23)
		i.remove("bin/learn-ham")
		if err := os.Symlink(test, i.dir+"/bin/learn-ham"); err != nil {
			t.Fatal(err)
		}
		i.edit("1 G", limit)
		if r := i.check(); r.Broken() != want {
			t.Errorf("vsz_limit = %s: %d broken, want %d: %+v", limit, r.Broken(), want, r.Steps)
		}
	}
}

// A machine without Dovecot is none with a broken one.
func TestNoDovecot(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	r := &selftest.Report{}
	selftest.Dovecot{}.Check(t.Context(), r)
	if len(r.Steps) != 1 || r.Steps[0].Result != selftest.Skip {
		t.Errorf("%+v", r.Steps)
	}
}

// The report is for people and for programs.
func TestReport(t *testing.T) {
	r := &selftest.Report{}
	r.OK("one", "fine")
	r.Fail("two", os.ErrPermission, "allow it")
	var text, object bytes.Buffer
	if err := r.Text(&text); err != nil || text.String() != "ok      one  fine\nbroken  two  permission denied\n             → allow it\n" {
		t.Errorf("%v\n%q", err, text.String())
	}
	var back selftest.Report
	if err := r.JSON(&object); err != nil || json.Unmarshal(object.Bytes(), &back) != nil || len(back.Steps) != 2 || back.Steps[1] != r.Steps[1] {
		t.Errorf("%v %s", err, &object)
	}
}
