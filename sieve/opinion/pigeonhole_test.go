package opinion

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/internal/peer"
)

// pigeonhole runs the installed Pigeonhole's programs in a folder of its own.
type pigeonhole struct {
	dir, config string
}

// capabilities are those that Pigeonhole 0.5.19 has and the generator can use.
var capabilities = []string{
	"body", "comparator-i;ascii-numeric", "copy", "date", "editheader", "encoded-character", "enotify", "envelope", "environment",
	"fileinto", "ihave", "imap4flags", "index", "mailbox", "mime", "regex", "reject", "relational", "subaddress", "vacation", "variables",
}

// newPigeonhole makes the folder and a configuration.
func newPigeonhole(t *testing.T) *pigeonhole {
	t.Helper()
	peer.Need(t, peer.Dovecot23)
	p := &pigeonhole{dir: peer.Dir(t)}
	p.config = filepath.Join(p.dir, "dovecot.conf")
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 { // which Dovecot refuses
		uid, gid = peer.MailUID, peer.MailUID
		if err := os.Chown(p.dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`
base_dir = %[1]s
log_path = /dev/stderr
first_valid_uid = 1
mail_uid = %[2]d
mail_gid = %[3]d
mail_location = maildir:%[1]s/Maildir
postmaster_address = postmaster@example.org
plugin {
  sieve_extensions = %[4]s
  sieve_user_email = user@example.org
  sieve_max_actions = 1000
}
`, p.dir, uid, gid, "+"+strings.Join(optional, " +"))
	if err := os.WriteFile(p.config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// command prepares a program of Pigeonhole.
func (p *pigeonhole) command(program string, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd = exec.Command("/usr/bin/"+program, append([]string{"-c", p.config}, args...)...)
	cmd.Env = []string{"HOME=" + p.dir, "USER=user", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, stdout, stderr
	return cmd, stdout, stderr
}

// run gives the outcome of a script by sieve-test. name is that of its files, so
// that several may run at once.
func (p *pigeonhole) run(name, script string, m *mail) (outcome, error) {
	base := filepath.Join(p.dir, name)
	for file, content := range map[string][]byte{base + ".sieve": []byte(script), base + ".eml": m.bytes()} {
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return outcome{}, err
		}
	}
	defer func() {
		for _, suffix := range []string{".sieve", ".eml", ".svbin"} {
			_ = os.Remove(base + suffix) // the folder goes in the end
		}
	}()
	e := m.envelope
	cmd, stdout, stderr := p.command("sieve-test", "-f", e.From, "-r", e.To, "-a", e.OrigTo, base+".sieve", base+".eml")
	err := cmd.Run()
	said := strings.TrimSpace(stderr.String())
	var exit *exec.ExitError
	switch {
	case err == nil:
		o, err := parseResult(stdout.String())
		o.said = said
		return o, err
	case errors.As(err, &exit) && !exit.Exited():
		return outcome{failed: "crash", said: said}, nil
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		if strings.Contains(said, "failed to compile sieve script") {
			return outcome{failed: "compile", said: said}, nil
		}
		if strings.Contains(said, "final result: failed; resolved with successful implicit keep") {
			return outcome{failed: "run", said: said}, nil
		}
	}
	return outcome{}, fmt.Errorf("sieve-test: %w\n%s", err, said)
}

// parseResult reads what sieve-test prints:
//
//	Performed actions:
//
//	 * store message in folder: INBOX
//	        + add IMAP flags: \seen
//
//	Implicit keep:
//
//	  (none)
func parseResult(text string) (outcome, error) {
	var o outcome
	performed, kept, ok := strings.Cut(text, "\nImplicit keep:\n")
	if !ok {
		return o, fmt.Errorf("sieve-test printed %q", text)
	}
	for _, item := range items(performed) {
		line, err := item.line()
		if err != nil {
			return o, err
		}
		o.actions = append(o.actions, line)
	}
	for _, item := range items(kept) {
		o.keep = "keep" + flagText(item.flags)
	}
	return o, nil
}

// performed is an action as sieve-test prints it.
type performed struct {
	text  string
	flags []string
	copy  bool
}

func items(text string) []performed {
	var list []performed
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if text, ok := strings.CutPrefix(line, " * "); ok {
			list = append(list, performed{text: text})
			continue
		}
		detail, ok := strings.CutPrefix(line, "        + ")
		if !ok || len(list) == 0 {
			continue
		}
		last := &list[len(list)-1]
		if flags, ok := strings.CutPrefix(detail, "add IMAP flags: "); ok {
			last.flags = strings.Fields(flags)
		}
		last.copy = last.copy || detail == "preserve implicit keep"
	}
	return list
}

// line writes an action as outcome has it.
func (p performed) line() (string, error) {
	kind, rest, _ := strings.Cut(p.text, ":")
	rest = strings.TrimPrefix(rest, " ")
	switch kind {
	case "store message in folder":
		return store(rest, p.flags, p.copy), nil
	case "redirect message to":
		return copied("redirect "+strings.Trim(rest, "<>"), p.copy), nil
	case "reject message with reason":
		return "reject " + rest, nil
	case "discard":
		return "discard", nil
	case "send vacation message":
		return "vacation", nil
	case "send notification with method 'mailto":
		return "notify", nil
	}
	return "", fmt.Errorf("sieve-test printed an action %q that this test does not know", p.text)
}
