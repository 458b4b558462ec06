package dovecot_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"dovetail/internal/mailerr"
	"dovetail/internal/peer"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/dovecot"
	"dovetail/internal/userdb/expand"
	"dovetail/internal/userdb/userdbtest"
)

// generation is one of the two Dovecots that we must get along with.
type generation struct {
	name  string
	start func(peer.T, peer.DovecotOptions) *peer.Dovecot
	// extra are the fields of user1 in the passwd-file; mail and fields are what
	// comes of them.
	extra, mail string
	fields      map[string]string
	// static is a second user database: every user, with these fields.
	static func(fields map[string]string) string
	socket string // configuration for the mode of the socket
}

var generations = []generation{
	{
		name: "2.3", start: peer.StartDovecot,
		extra: "userdb_quota_rule2=Trash:storage=+10k userdb_quota_rule=*:bytes=3k userdb_mail=maildir:~/M:INDEX=/i/%u nologin",
		mail:  "maildir:~/M:INDEX=/i/user1",
		static: func(fields map[string]string) string {
			args := "uid=1500 gid=1500 allow_all_users=yes"
			for key, value := range fields {
				args += " " + key + "=" + value
			}
			return "userdb {\n  driver = static\n  args = " + args + "\n}\nauth_username_chars =\nauth_username_format =\n"
		},
		socket: "service auth {\n unix_listener auth-userdb {\n mode = %s\n }\n}\n",
	},
	{
		name: "2.4", start: peer.StartDovecot24,
		extra:  "userdb_quota_rule2=Trash:storage=+10k userdb_quota_rule=*:bytes=3k userdb_mail_path=/m/%{user|username} userdb_mailbox_list_layout=fs",
		fields: map[string]string{"mail_path": "/m/user1", "mailbox_list_layout": "fs"},
		static: func(fields map[string]string) string {
			var lines strings.Builder
			for key, value := range fields {
				fmt.Fprintf(&lines, "    %s = %s\n", key, value)
			}
			return "userdb static {\n  userdb_static_allow_all_users = yes\n  fields {\n    uid = 1500\n    gid = 1500\n" + lines.String() + "  }\n}\nauth_username_chars =\nauth_username_format =\n"
		},
		socket: "service auth {\n unix_listener auth-userdb {\n mode = %s\n }\n}\n",
	},
}

func each(t *testing.T, test func(t *testing.T, g generation)) {
	for _, g := range generations {
		t.Run(g.name, func(t *testing.T) { test(t, g) })
	}
}

func TestRealDovecot(t *testing.T) {
	each(t, func(t *testing.T, g generation) {
		users := peer.OwnUIDs(30)
		users[0].Extra = g.extra
		d := g.start(t, peer.DovecotOptions{Users: users})
		driver := dovecot.New(dovecot.Options{Socket: d.AuthUserdb})
		t.Cleanup(func() { driver.Close() })
		f := userdbtest.Fixture{Driver: driver}
		for _, u := range users {
			f.All = append(f.All, u.Name)
			f.Users = append(f.Users, userdb.User{Name: u.Name, UID: uint32(u.UID), GID: uint32(u.GID), Home: d.Home(u.Name)})
		}
		f.Users[0].QuotaRules = []string{"*:bytes=3k", "Trash:storage=+10k"}
		f.Users[0].Mail, f.Users[0].Fields = g.mail, g.fields
		userdbtest.Run(t, f)

		for _, name := range []string{"nobody-has-this-name@example.org", "user1+detail@example.org", "user1@example.org@example.org\ttx"} {
			if u, err := driver.Lookup(t.Context(), name); !mailerr.IsPermanent(err) {
				t.Errorf("%s: %v, %v", name, u, err)
			}
		}
		// auth_username_format is %n there: the name that comes back is another.
		if u, err := driver.Lookup(t.Context(), "user2@example.org"); err != nil || u.Name != "user2" {
			t.Errorf("got %v, %v", u, err)
		}
	})
}

// Look-ups go on while Dovecot reads its configuration again.
func TestReload(t *testing.T) {
	each(t, func(t *testing.T, g generation) {
		// An auth process that is started in the middle of a reload may find that
		// the socket of its own configuration is gone for a moment.
		startedTooSoon := regexp.MustCompile(`auth: Fatal: .*run/config\) failed|service\(auth\).* returned error 89`)
		d := g.start(t, peer.DovecotOptions{Users: peer.OneUID(3), AllowLog: startedTooSoon})
		driver := dovecot.New(dovecot.Options{Socket: d.AuthUserdb})
		t.Cleanup(func() { driver.Close() })
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if u, err := driver.Lookup(t.Context(), "user3"); err != nil || u.Name != "user3" {
						t.Errorf("got %v, %v", u, err)
						return
					}
				}
			})
		}
		for range 3 {
			d.Doveadm("reload")
		}
		close(stop)
		wg.Wait()
	})
}

// Variables mean to us what they mean to Dovecot.
func TestVariables(t *testing.T) {
	templates := map[string][]string{
		"2.3": {"%u", "%n", "%d", "%Ln", "%Ud", "%Ru", "%Mu", "%Nu", "%2.256Nu", "%3RHu", "%1.2n", "%-3u", "%0.-4u", "%08n", "%Du", "%LRd",
			"%{user}", "%L{username}", "%{domain_first}", "%{domain_last}", "%{sha256:user}", "%{sha1;rounds=2,truncate=21,salt=x:domain}", "%{md5;format=base64:user}", "%s%%"},
		"2.4": {"%{user}", "%{user | username}", "%{user | domain}", "%{user|lower}", "%{user | username | upper}", "%{user | reverse}",
			"%{user | substr(0, 2)}", "%{user | substr(2)}", "%{user | substr(-3)}", "%{user | substr(1, -2)}", "%{user | md5 | hexlify}", "%{user | sha256 | hexlify}",
			"%{user | domain | default('none')}", "%{user | domain | default(protocol)}", "%{user | sha1 | base64}", "%{user | domain | ldap_dn}",
			"%{user | truncate(3)}", "%{user | concat('-', user)}", "%{protocol}"},
	}
	each(t, func(t *testing.T, g generation) {
		fields := map[string]string{}
		for i, template := range templates[g.name] {
			fields[fmt.Sprintf("x%d", i)] = template
		}
		d := g.start(t, peer.DovecotOptions{Users: peer.OneUID(1), Extra: g.static(fields)})
		driver := dovecot.New(dovecot.Options{Socket: d.AuthUserdb})
		t.Cleanup(func() { driver.Close() })
		// Shorter names than these make substr of 2.4 fail there; here they give nothing.
		for _, name := range []string{"Bob.Miller@Sub.Example.ORG", "xyz", "a@b@c", `o'brien"x\y@example.org`} {
			u, err := driver.Lookup(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			for key, template := range fields {
				tm, err := expand.Parse(template)
				if err != nil {
					t.Fatal(err)
				}
				if got := tm.Expand(&expand.Vars{User: name, Service: "lmtp"}); got != u.Fields[key] {
					t.Errorf("%s of %s: we say %q, Dovecot %q", template, name, got, u.Fields[key])
				}
			}
		}
	})
}

// Dovecot keeps its mail_uid and the like to itself.
func TestMailUID(t *testing.T) {
	userdb := map[string]string{
		"2.3": "userdb {\n  driver = static\n  args = allow_all_users=yes x=y\n}\n",
		"2.4": "userdb static {\n  userdb_static_allow_all_users = yes\n  fields {\n    x = y\n  }\n}\n",
	}
	each(t, func(t *testing.T, g generation) {
		d := g.start(t, peer.DovecotOptions{Users: peer.OneUID(1), Extra: "mail_uid = 1500\nmail_gid = 1500\nmail_home = /srv/mail\n" + userdb[g.name]})
		driver := dovecot.New(dovecot.Options{Socket: d.AuthUserdb, UID: 1500, GID: 1600, Home: expand.MustParse("/srv/%n")})
		t.Cleanup(func() { driver.Close() })
		if u, err := driver.Lookup(t.Context(), "zed"); err != nil || u.String() != "user zed uid 1500 gid 1600 home /srv/zed" {
			t.Errorf("got %v, %v", u, err)
		}
	})
}

const asNobody = "DOVETAIL_TEST_SOCKET"

// TestAsNobody is run by TestPermissions, by another user.
func TestAsNobody(t *testing.T) {
	socket := os.Getenv(asNobody)
	if socket == "" {
		return // TestPermissions does it
	}
	driver := dovecot.New(dovecot.Options{Socket: socket})
	_, err := driver.Lookup(t.Context(), "user1")
	fmt.Printf("ANSWER permanent=%v %v\n", mailerr.IsPermanent(err), err)
	for _, err := range driver.List(t.Context(), "*") {
		fmt.Printf("LIST %v\n", err)
	}
}

// A socket that does not let us in, or answers with FAIL because of its mode, is
// a temporary fault that tells what to do about it.
func TestPermissions(t *testing.T) {
	each(t, func(t *testing.T, g generation) {
		peer.Need(t, peer.Root)
		for _, tt := range []struct {
			mode string
			want []string
		}{
			{"0600", []string{"permission denied", "we are uid 65534", "a socket of mode 0600, owner ", "mode = 0600 user = 65534"}},
			{"0666", []string{"the user could not be looked up by Dovecot", "with mode 0666 of its socket Dovecot answers only for users whose uid is ours, 65534"}},
		} {
			d := g.start(t, peer.DovecotOptions{Users: peer.OneUID(1), Extra: fmt.Sprintf(g.socket, tt.mode)})
			out := runAsNobody(t, d.AuthUserdb)
			for _, want := range append(tt.want, "ANSWER permanent=false", "LIST listing Dovecot's users") {
				if !strings.Contains(out, want) {
					t.Errorf("mode %s: got\n%s\nwant %q", tt.mode, out, want)
				}
			}
		}
	})
}

// runAsNobody runs TestAsNobody as user 65534, from a place that it can enter.
func runAsNobody(t *testing.T, socket string) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(peer.Dir(t), "test")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestAsNobody$")
	cmd.Dir = "/"
	cmd.Env = []string{asNobody + "=" + socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// The socket for passwords is told from the one for users.
func TestClientSocket(t *testing.T) {
	each(t, func(t *testing.T, g generation) {
		d := g.start(t, peer.DovecotOptions{Users: peer.OneUID(1), Extra: "service auth {\n unix_listener auth-client {\n mode = 0600\n }\n}\n"})
		driver := dovecot.New(dovecot.Options{Socket: filepath.Join(filepath.Dir(d.AuthUserdb), "auth-client")})
		_, err := driver.Lookup(t.Context(), "user1")
		if err == nil || mailerr.IsPermanent(err) || !strings.Contains(err.Error(), "auth-client socket") {
			t.Errorf("got %v", err)
		}
	})
}

func BenchmarkRealDovecot(b *testing.B) {
	d := peer.StartDovecot(b, peer.DovecotOptions{Users: peer.OneUID(100)})
	driver := dovecot.New(dovecot.Options{Socket: d.AuthUserdb})
	defer driver.Close()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := driver.Lookup(b.Context(), "user7"); err != nil {
				b.Error(err)
			}
		}
	})
}
