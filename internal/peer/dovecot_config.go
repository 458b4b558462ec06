package peer

import (
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"text/template"
)

// configData is what the templates of both versions are filled with.
type configData struct {
	DovecotOptions
	*Dovecot
	LMTPPort, IMAPPort string
}

// writeConfig fills a template and writes the configuration file.
func (d *Dovecot) writeConfig(o DovecotOptions, text string) {
	d.t.Helper()
	data := configData{DovecotOptions: o, Dovecot: d}
	_, data.LMTPPort, _ = net.SplitHostPort(d.LMTPAddr)
	_, data.IMAPPort, _ = net.SplitHostPort(d.IMAPAddr)
	functions := template.FuncMap{"location24": location24, "storage": storageOf}
	var config strings.Builder
	if err := template.Must(template.New("dovecot.conf").Funcs(functions).Parse(text)).Execute(&config, data); err != nil {
		d.t.Fatalf("configuration of Dovecot: %v", err)
	}
	if err := os.WriteFile(d.Config, []byte(config.String()), 0o644); err != nil {
		d.t.Fatalf("configuration of Dovecot: %v", err)
	}
}

// PluginLines returns the settings of Plugin in order.
func (c configData) PluginLines() []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(c.Plugin)) {
		lines = append(lines, name+" = "+c.Plugin[name])
	}
	return lines
}

const config23 = `
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Dir}}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = {{.MailLocation}}
mail_fsync = {{.Fsync}}
mail_plugins ={{if .Quota}} quota{{end}}
first_valid_uid = 1
default_client_limit = 4000
auth_username_format = %n
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
lmtp_rcpt_check_quota = no
lmtp_add_received_header = no
lda_mailbox_autocreate = {{if .NoAutocreate}}no{{else}}yes{{end}}
postmaster_address = postmaster@example.org
hostname = peer.example.org
passdb {
  driver = passwd-file
  args = {{.Dir}}/users
}
userdb {
  driver = passwd-file
  args = {{.Dir}}/users
}
namespace inbox {
  inbox = yes
  separator = {{.Separator}}
  prefix = {{.Prefix}}
{{- range .Mailboxes}}
  mailbox {{.}} {
    auto = create
  }
{{- end}}
}
service auth {
  unix_listener auth-userdb {
    mode = 0666
  }
}
service anvil {
  client_limit = 10000
}
service stats {
  client_limit = 10000
}
service lmtp {
  process_limit = 200
  unix_listener lmtp {
    mode = 0666
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = {{.LMTPPort}}
  }
}
service imap-login {
  inet_listener imap {
    address = 127.0.0.1
    port = {{.IMAPPort}}
  }
  inet_listener imaps {
    port = 0
  }
}
protocol lmtp {
  mail_plugins = $mail_plugins{{if .Sieve}} sieve{{end}}
}
protocol imap {
  mail_plugins = $mail_plugins{{if .Quota}} imap_quota{{end}}
  mail_max_userip_connections = 1000
}
plugin {
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_plugins = sieve_extprograms
  sieve_global_extensions = +editheader +vnd.dovecot.execute
  sieve_extensions = +vnd.dovecot.pipe +vnd.dovecot.environment
{{- if .SieveBefore}}
  sieve_before = {{.SieveBefore}}
{{- end}}
{{- if .PipeDir}}
  sieve_pipe_bin_dir = {{.PipeDir}}
  sieve_filter_bin_dir = {{.PipeDir}}
  sieve_execute_bin_dir = {{.PipeDir}}
{{- end}}
{{- if .Quota}}
  quota = maildir:User quota
  quota_rule = {{.Quota}}
{{- end}}
{{- range .PluginLines}}
  {{.}}
{{- end}}
}
{{.Extra}}
`

const config24 = `
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Dir}}/dovecot.log
protocols {
  imap = yes
  lmtp = yes
}
listen = 127.0.0.1
ssl = no
auth_allow_cleartext = yes
{{location24 .MailLocation}}
mail_fsync = {{.Fsync}}
first_valid_uid = 1
default_client_limit = 4000
auth_username_format = %{user | username}
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
lmtp_rcpt_check_quota = no
lmtp_add_received_header = no
lda_mailbox_autocreate = {{if .NoAutocreate}}no{{else}}yes{{end}}
postmaster_address = postmaster@example.org
hostname = peer.example.org
passdb passwd-file {
  passwd_file_path = {{.Dir}}/users
}
userdb passwd-file {
  passwd_file_path = {{.Dir}}/users
}
namespace inbox {
  inbox = yes
  separator = {{.Separator}}
{{- if .Prefix}}
  prefix = {{.Prefix}}
{{- end}}
{{- range .Mailboxes}}
  mailbox {{.}} {
    auto = create
  }
{{- end}}
}
service auth {
  unix_listener auth-userdb {
    mode = 0666
  }
}
service lmtp {
  process_limit = 200
  unix_listener lmtp {
    mode = 0666
  }
  inet_listener lmtp {
    port = {{.LMTPPort}}
  }
}
service imap-login {
  inet_listener imap {
    port = {{.IMAPPort}}
  }
  inet_listener imaps {
    port = 0
  }
}
{{- if .Quota}}
mail_plugins {
  quota = yes
}
quota "User quota" {
  quota_driver = maildir
  quota_storage_size = {{storage .Quota}}
  quota_storage_grace = 0
}
{{- end}}
protocol imap {
  mail_max_userip_connections = 1000
{{- if .Quota}}
  mail_plugins {
    imap_quota = yes
  }
{{- end}}
}
{{- if .Sieve}}
protocol lmtp {
  mail_plugins {
    sieve = yes
  }
}
sieve_plugins = sieve_extprograms
sieve_global_extensions {
  editheader = yes
  vnd.dovecot.execute = yes
}
sieve_extensions {
  vnd.dovecot.pipe = yes
  vnd.dovecot.environment = yes
}
sieve_script personal {
  type = personal
  driver = file
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}
{{- if .SieveBefore}}
sieve_script site {
  type = before
  driver = file
  path = {{.SieveBefore}}
}
{{- end}}
{{- if .PipeDir}}
sieve_pipe_bin_dir = {{.PipeDir}}
sieve_filter_bin_dir = {{.PipeDir}}
sieve_execute_bin_dir = {{.PipeDir}}
{{- end}}
{{- end}}
{{.Extra}}
`

// location24 writes a mail_location of 2.3 as the settings of 2.4.
func location24(location string) (string, error) {
	parts := strings.Split(location, ":")
	if len(parts) < 2 || parts[0] != "maildir" {
		return "", fmt.Errorf("mail location %q: only maildir:PATH is known", location)
	}
	variables := strings.NewReplacer("%u", "%{user}", "%n", "%{user | username}", "%d", "%{user | domain}")
	settings := []string{"mail_driver = maildir", "mail_path = " + variables.Replace(parts[1])}
	names := map[string]string{"LAYOUT": "mailbox_list_layout", "INBOX": "mail_inbox_path", "INDEX": "mail_index_path",
		"CONTROL": "mail_control_path", "DIRNAME": "mailbox_directory_name"}
	for _, part := range parts[2:] {
		key, value, _ := strings.Cut(part, "=")
		switch name, ok := names[key]; {
		case part == "UTF-8":
			settings = append(settings, "mailbox_list_utf8 = yes")
		case ok:
			settings = append(settings, name+" = "+variables.Replace(value))
		default:
			return "", fmt.Errorf("mail location %q: %s is not known", location, part)
		}
	}
	return strings.Join(settings, "\n"), nil
}

// storageOf returns the limit of a rule *:storage=LIMIT.
func storageOf(rule string) (string, error) {
	limit, ok := strings.CutPrefix(rule, "*:storage=")
	if !ok {
		return "", fmt.Errorf("quota rule %q: only *:storage=LIMIT is known", rule)
	}
	return limit, nil
}
