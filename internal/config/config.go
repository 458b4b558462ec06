// Package config reads dovetail.toml into one checked struct.
//
// The file is TOML. Every key is optional. Where Dovecot has a setting for the
// same thing the key has its name and takes its values: switches are true and
// false or "yes" and "no", times are "10s", "5 mins", "1 hour" (a number without
// a unit is an error, save 0), sizes "10M" or bytes as a number, and a list may
// be a single string.
//
// An unknown key, a value of the wrong type or out of its bounds, and settings
// that contradict each other are errors; Load gives all of them at once, each
// with file, line and key. Config.Origin tells where a value comes from.
package config

import (
	"time"

	"dovetail/maildir"
)

// Config is everything that can be set. The tag "toml" is a setting's key, "check"
// names a check of its values (see checks), "min" and "max" bound numbers (bytes
// and nanoseconds for sizes and times), "oneof" lists all values, "secret" hides it
// ("url": only the password in it).
type Config struct {
	AuthUsernameFormat string `toml:"auth_username_format" check:"template"` // variables of internal/userdb/expand; %Ln by default with userdb passwd
	RecipientDelimiter string `toml:"recipient_delimiter" check:"delimiter"` // each of its characters is one
	PostmasterAddress  string `toml:"postmaster_address" check:"address"`    // default: postmaster@ and the host's name
	Hostname           string `toml:"hostname" check:"hostname"`             // default: the machine's name

	Mail       Mail       `toml:"mail"`
	LMTP       LMTP       `toml:"lmtp"`
	Userdb     Userdb     `toml:"userdb"`
	Sieve      Sieve      `toml:"sieve"`
	Submission Submission `toml:"submission"`
	Learn      Learn      `toml:"learn"`
	Expire     []Expire   `toml:"expire"`
	State      State      `toml:"state"`
	Log        Log        `toml:"log"`
	Metrics    struct{}   `toml:"metrics"`

	file    string            // that was read; empty: none
	origins map[string]string // by the key's full name; what is missing is a default
}

// Mail says how mail is stored.
type Mail struct {
	Location              string        `toml:"mail_location" check:"location"`                  // Dovecot's mail_location: maildir:PATH with LAYOUT=, INBOX=, CONTROL= and so on
	Autocreate            bool          `toml:"lda_mailbox_autocreate"`                          // make folders that do not exist
	Autosubscribe         bool          `toml:"lda_mailbox_autosubscribe"`                       // subscribe to folders that are made
	OriginalRecipientHead string        `toml:"lda_original_recipient_header" check:"fieldname"` // where dovetail-lda finds the original recipient
	CopyWithHardlinks     bool          `toml:"maildir_copy_with_hardlinks"`                     // one file for several recipients, or folders, of one uid
	Fsync                 string        `toml:"mail_fsync" oneof:"optimized always never"`
	MaxLockTimeout        time.Duration `toml:"mail_max_lock_timeout" max:"3600000000000"` // 0: Dovecot's own two minutes
	QuotaRules            []string      `toml:"quota_rule" check:"quota"`                  // of the driver maildir: *:storage=1G, Trash:storage=+100M, Spam:ignore
	QuotaGrace            string        `toml:"quota_grace" check:"grace"`                 // by which the last message may exceed the limit
	QuotaFullTempfail     bool          `toml:"quota_full_tempfail"`                       // defer instead of refusing when the quota is full
	Separator             string        `toml:"separator" check:"separator"`               // of folder names; empty: the layout's own
	Prefix                string        `toml:"prefix"`                                    // of the namespace, e.g. "INBOX."
	SpecialUse            []string      `toml:"special_use" check:"specialuse"`            // MAILBOX=FLAG, for Sieve's special-use
	AttributeDict         string        `toml:"mail_attribute_dict" check:"attributes"`    // file:PATH, where Dovecot keeps annotations
	FirstValidUID         uint32        `toml:"first_valid_uid"`                           // users with lower uids get no mail
	LastValidUID          uint32        `toml:"last_valid_uid"`                            // 0: no limit
}

// LMTP says how dovetail-lmtpd serves.
type LMTP struct {
	Listen               []string `toml:"listen" check:"listen"`       // unix:PATH or tcp:HOST:PORT
	SocketMode           string   `toml:"socket_mode" check:"mode"`    // of UNIX sockets
	SocketUser           string   `toml:"socket_user"`                 // owner of UNIX sockets; empty: the process's
	SocketGroup          string   `toml:"socket_group"`                // their group; empty: the process's
	SaveToDetailMailbox  bool     `toml:"lmtp_save_to_detail_mailbox"` // user+box is stored in the folder box
	RcptCheckQuota       bool     `toml:"lmtp_rcpt_check_quota"`       // refuse at RCPT when the quota is full
	AddReceivedHeader    bool     `toml:"lmtp_add_received_header"`    // add a Received field
	HdrDeliveryAddress   string   `toml:"lmtp_hdr_delivery_address" oneof:"final original none"`
	UserConcurrencyLimit int      `toml:"lmtp_user_concurrency_limit" min:"0" max:"100000"` // 0: none
	TrustedNetworks      []string `toml:"login_trusted_networks" check:"network"`           // who may send XCLIENT
	SSLCert              string   `toml:"ssl_cert"`                                         // file with the certificate for STARTTLS; empty: no STARTTLS
	SSLKey               string   `toml:"ssl_key"`                                          // file with its key

	MessageSizeLimit int64         `toml:"message_size_limit" kind:"size" min:"0"`               // 0: none
	RecipientLimit   int           `toml:"recipient_limit" min:"1" max:"100000"`                 // of one transaction
	SessionLimit     int           `toml:"session_limit" min:"1" max:"100000"`                   // sessions at once
	CommandTimeout   time.Duration `toml:"command_timeout" min:"1000000000"`                     // for the next command
	DataTimeout      time.Duration `toml:"data_timeout" min:"1000000000"`                        // for the next piece of a message
	WriteTimeout     time.Duration `toml:"write_timeout" min:"1000000000"`                       // for the client to take a reply
	ShutdownTimeout  time.Duration `toml:"shutdown_timeout" min:"0"`                             // for deliveries under way at the end
	SpoolDir         string        `toml:"spool_dir" check:"path"`                               // empty: the system's temporary folder
	SpoolMemory      int64         `toml:"spool_memory" kind:"size" min:"4096" max:"1073741824"` // of a message, beyond it a file
}

// Userdb says who the users are.
type Userdb struct {
	Driver         string        `toml:"driver" oneof:"static passwd passwd-file dovecot sql"`
	UID            string        `toml:"uid" check:"uid"`                  // number or name; passwd-file and dovecot: of users who have none (Dovecot's mail_uid)
	GID            string        `toml:"gid" check:"gid"`                  // the same for the group (mail_gid)
	Home           string        `toml:"home" check:"template"`            // template such as /srv/mail/%d/%n; passwd-file and dovecot: of users who have none (mail_home)
	Mail           string        `toml:"mail" check:"location"`            // mail_location of all users; empty: that of [mail]
	Users          []string      `toml:"users"`                            // driver static: all users there are; empty: every name is one
	Path           string        `toml:"path" check:"template"`            // driver passwd-file: the file
	UsernameFormat string        `toml:"username_format" check:"template"` // driver passwd-file: the name to look for
	Socket         string        `toml:"socket" check:"path"`              // driver dovecot: Dovecot's auth-userdb socket
	Timeout        time.Duration `toml:"timeout" min:"1000000"`            // driver dovecot: for an answer
	URL            string        `toml:"url"`                              // driver sql, which does not exist yet
	Query          string        `toml:"query"`                            // driver sql
}

// Submission says how mail leaves.
type Submission struct {
	Host     string        `toml:"host" check:"hostport"`    // SMTP server; when empty Sendmail is used
	Sendmail string        `toml:"sendmail" check:"path"`    // program
	DSN      bool          `toml:"sendmail_dsn"`             // it has Sendmail's -N and -R, or Postfix's -N; Exim has not
	Timeout  time.Duration `toml:"timeout" min:"1000000000"` // for each step of SMTP, and for the program
}

// Learn says which classifiers learn.
type Learn struct {
	Backends []string `toml:"backends" oneof:"rspamd spamd bogofilter exec builtin"`
	QueueDir string   `toml:"queue_dir" check:"path"`                           // where lessons wait
	MinSize  int64    `toml:"min_size" kind:"size" min:"0"`                     // smaller messages are left out
	MaxSize  int64    `toml:"max_size" kind:"size" min:"1024" max:"1073741824"` // larger messages are left out
	Junk     []string `toml:"junk"`                                             // names of folders; special_use adds to each of the three
	Trash    []string `toml:"trash"`                                            // what goes there teaches nothing
	Ignore   []string `toml:"ignore"`                                           // what goes there or comes from there teaches nothing

	Rspamd     Rspamd     `toml:"rspamd"`
	Spamd      Spamd      `toml:"spamd"`
	Bogofilter Bogofilter `toml:"bogofilter"`
	Exec       Exec       `toml:"exec"`

	Workers      int           `toml:"workers" min:"1" max:"64"`             // calls at once of one back end
	Interval     time.Duration `toml:"queue_interval" min:"10000000"`        // how often learnd looks at the queue
	MaxAge       time.Duration `toml:"queue_max_age" min:"60000000000"`      // a lesson that could not be taught for so long is given up
	Remember     time.Duration `toml:"ledger_max_age" min:"604800000000000"` // what was taught is known for so long
	SocketDirs   []string      `toml:"socket_dirs" check:"socketdir"`        // for the sockets that Sieve's pipe and execute know
	SocketMode   string        `toml:"socket_mode" check:"mode"`             // of the sockets in socket_dirs
	SocketUser   string        `toml:"socket_user"`                          // their owner; empty: the process's
	SocketGroup  string        `toml:"socket_group"`                         // their group; empty: the process's
	StatusFile   string        `toml:"status_file" check:"path"`             // empty: none
	Spamtrap     []string      `toml:"spamtrap" check:"address"`             // mail to these addresses is learned as spam
	SpamtrapUser string        `toml:"spamtrap_user"`                        // for this user; empty: for the site

	WatchInterval time.Duration `toml:"watch_interval" min:"0"` // how often learnd looks at all users' folders; 0: never
	WatchDir      string        `toml:"watch_dir" check:"path"` // what it has seen there
	WatchFiled    bool          `toml:"watch_filed"`            // teach what was delivered into a junk folder, too

	Builtin Builtin `toml:"builtin"`
}

// State says where vacation, duplicate, the learn ledger and first-seen stamps are remembered.
type State struct {
	URL string `toml:"url" check:"state" secret:"url"` // sqlite:PATH, postgres://…; empty: in memory
}

// Log says what is logged and where to.
type Log struct {
	Level  string `toml:"level" oneof:"debug info warn error"`
	Format string `toml:"format" oneof:"text json"`
	File   string `toml:"file" check:"path"` // empty: standard error
}

// Defaults gives the configuration without any file: the users of the machine
// with their mail in ~/Maildir. What depends on the machine or on other settings
// (host name, postmaster, auth_username_format) is completed by Load.
func Defaults() *Config {
	return &Config{
		AuthUsernameFormat: "%Lu",
		RecipientDelimiter: "+",
		Mail: Mail{
			Location:          "maildir:~/Maildir",
			CopyWithHardlinks: true,
			Fsync:             "optimized",
			QuotaGrace:        maildir.DefaultGrace,
			FirstValidUID:     500,
		},
		LMTP: LMTP{
			Listen:               []string{"unix:/run/dovetail/lmtp"},
			SocketMode:           "0666",
			AddReceivedHeader:    true,
			HdrDeliveryAddress:   "final",
			UserConcurrencyLimit: 10,
			RecipientLimit:       1000,
			SessionLimit:         512,
			CommandTimeout:       5 * time.Minute, // RFC 5321 section 4.5.3.2.7
			DataTimeout:          3 * time.Minute, // RFC 5321 section 4.5.3.2.5
			WriteTimeout:         5 * time.Minute,
			ShutdownTimeout:      time.Minute,
			SpoolMemory:          128 << 10,
		},
		Userdb: Userdb{Driver: "passwd", Socket: "/run/dovecot/auth-userdb", Timeout: 30 * time.Second},
		Sieve: Sieve{
			Enabled:              true,
			Script:               "file:~/sieve;active=~/.dovecot.sieve",
			MaxScriptSize:        1 << 20,
			MaxActions:           32,
			MaxRedirects:         4,
			MaxCPUTime:           30 * time.Second,
			RedirectEnvelopeFrom: "sender",
			RedirectOnce:         12 * time.Hour,
			PipeExecTimeout:      10 * time.Second,
			FilterExecTimeout:    10 * time.Second,
			ExecuteExecTimeout:   10 * time.Second,
			PipeInputEOL:         "crlf",
			FilterInputEOL:       "crlf",
			ExecuteInputEOL:      "crlf",
		},
		Submission: Submission{Sendmail: "/usr/sbin/sendmail", Timeout: 30 * time.Second},
		Learn: Learn{
			Backends:   []string{"builtin"},
			Rspamd:     defaultRspamd,
			Spamd:      defaultSpamd,
			Bogofilter: defaultBogofilter,
			Exec:       defaultExec,
			Builtin:    builtinDefaults,
			QueueDir:   "/var/spool/dovetail/learn",
			Workers:    2,
			Interval:   time.Second,
			MaxAge:     7 * 24 * time.Hour,
			Remember:   365 * 24 * time.Hour,
			SocketMode: "0666",
			StatusFile: "/run/dovetail/learnd.status",
			WatchDir:   "/var/lib/dovetail/watch",
			MinSize:    1,
			MaxSize:    10 << 20,
			Junk:       []string{"Junk", "Junk E-mail", "Spam"},
			Trash:      []string{"Trash", "Deleted Items", "Deleted Messages"},
			Ignore:     []string{"Sent", "Sent Items", "Sent Messages", "Drafts", "Outbox", "Templates"},
		},
		State: State{URL: "sqlite:/var/lib/dovetail/state.db"},
		Log:   Log{Level: "info", Format: "text"},
	}
}

// File is the one that was read, empty where there is none.
func (c *Config) File() string { return c.file }

// Origin tells where a setting comes from: "FILE:LINE", "flag --name", or
// "default". The key is its full name, such as "lmtp.listen".
func (c *Config) Origin(key string) string {
	if origin, ok := c.origins[key]; ok {
		return origin
	}
	return "default"
}
