package maildir

import (
	"strings"
	"testing"
)

func TestParseLocation(t *testing.T) {
	tests := []struct {
		in      string
		want    Location
		wantErr string // part of it
	}{
		{in: "maildir:~/Maildir", want: Location{Root: "~/Maildir", Layout: MaildirPlusPlus}},
		{in: "maildir:~/.Maildir:LAYOUT=fs:INBOX=~/.Maildir/INBOX", want: Location{Root: "~/.Maildir", Layout: FileSystem, Inbox: "~/.Maildir/INBOX"}},
		{in: "maildir:/a::b:UTF-8:CONTROL=/c::d", want: Location{Root: "/a:b", Layout: MaildirPlusPlus, UTF8: true, Control: "/c:d"}},
		{
			in:   "maildir:/m:LAYOUT=fs:DIRNAME=.md:MAILBOXDIR=boxes/:SUBSCRIPTIONS=subs:INDEX=MEMORY:INDEXPVT=/x:VOLATILEDIR=/v:LISTINDEX=i:NO-NOSELECT:ALT=/alt",
			want: Location{Root: "/m", Layout: FileSystem, DirName: ".md", MailboxDir: "boxes", Subscriptions: "subs"},
		},
		{in: "maildir:/m:LAYOUT=Maildir++", want: Location{Root: "/m", Layout: MaildirPlusPlus}},
		{in: "maildir:/m:LAYOUT=fs:FULLDIRNAME=x", want: Location{Root: "/m", Layout: FileSystem, DirName: "x", FullDirName: true}},
		{in: "", wantErr: "empty"},
		{in: "maildir", wantErr: "no path"},
		{in: "maildir:", wantErr: "no path"},
		{in: "maildir::x", wantErr: `driver "maildir:x"`},
		{in: "~/Maildir", wantErr: "write maildir:~/Maildir"},
		{in: "mdbox:~/mdbox", wantErr: `driver "mdbox" is not supported`},
		{in: "mbox:~/mail:INBOX=/var/mail/u", wantErr: `driver "mbox" is not supported`},
		{in: "maildir:/m:LAYOUT=index", wantErr: `layout "index"`},
		{in: "maildir:/m:INBX=/x", wantErr: `unknown key "INBX"`},
		{in: "maildir:/m:BROKENCHAR=^", wantErr: "BROKENCHAR"},
		{in: "maildir:/m:DIRNAME=x", wantErr: "needs layout fs"},
		{in: "maildir:/m:LAYOUT=fs:DIRNAME=../x", wantErr: "not the name of a directory"},
	}
	for _, tt := range tests {
		got, err := ParseLocation(tt.in)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) || !strings.Contains(err.Error(), tt.in) {
				t.Errorf("%q: error %v, want one with %q and the location", tt.in, err, tt.wantErr)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestLocationWith(t *testing.T) {
	site := Location{Root: "~/.Maildir", Layout: FileSystem, Inbox: "~/.Maildir/INBOX"}
	tests := []struct {
		base     Location
		settings map[string]string
		want     Location
		wantErr  string
	}{
		{want: Location{Root: "~/Maildir", Layout: MaildirPlusPlus}},
		{settings: map[string]string{"uid": "1", "mail_driver": "maildir", "mail_path": "/m", "mail_inbox_path": "."}, want: Location{Root: "/m", Inbox: "/m", Layout: MaildirPlusPlus}},
		{
			settings: map[string]string{
				"mail_path": "~/x", "mail_inbox_path": "~/in", "mail_control_path": "/c", "mailbox_list_layout": "fs", "mailbox_list_utf8": "yes",
				"mailbox_subscriptions_filename": "s", "mailbox_directory_name": "d", "mailbox_root_directory_name": "r/",
			},
			want: Location{Root: "~/x", Inbox: "~/in", Control: "/c", Layout: FileSystem, UTF8: true, Subscriptions: "s", DirName: "d", MailboxDir: "r"},
		},
		{settings: map[string]string{"mailbox_list_layout": "fs", "mailbox_directory_name": "d"}, want: Location{Root: "~/Maildir", Inbox: "~/Maildir", Layout: FileSystem, DirName: "d"}},
		{base: site, want: site},
		{base: site, settings: map[string]string{"mail_path": "/y"}, want: Location{Root: "/y", Layout: FileSystem, Inbox: "~/.Maildir/INBOX"}},
		{settings: map[string]string{"mail_driver": "sdbox"}, wantErr: "mail_driver"},
		{settings: map[string]string{"mailbox_list_utf8": "perhaps"}, wantErr: "mailbox_list_utf8"},
		{settings: map[string]string{"mailbox_list_layout": "index"}, wantErr: "index"},
	}
	for _, tt := range tests {
		got, err := tt.base.With(tt.settings)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%v: error %v, want %q", tt.settings, err, tt.wantErr)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%v:\n got %+v, %v\nwant %+v", tt.settings, got, err, tt.want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	tests := map[string]Options{
		"needs a home":       {Location: Location{Root: "~/Maildir"}},
		"needs a home ":      {Location: Location{Root: "Maildir"}},
		"another user":       {Location: Location{Root: "~joe/Maildir"}, Home: "/home/x"},
		"no path":            {Home: "/home/x"},
		"not one character":  {Location: Location{Root: "/m"}, Separator: "::"},
		"layout \"mdbox\" i": {Location: Location{Root: "/m", Layout: "mdbox"}},
	}
	for want, o := range tests {
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%+v: error %v, want %q", o.Location, err, want)
		}
	}
}

func FuzzLocation(f *testing.F) {
	for _, seed := range []string{"maildir:~/Maildir:LAYOUT=fs:INBOX=~/x", "maildir::::", "maildir:/m:UTF-8:DIRNAME=a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLocation(s)
		if err != nil {
			return
		}
		if l.Root == "" || l.Layout != MaildirPlusPlus && l.Layout != FileSystem {
			t.Errorf("%q gives %+v", s, l)
		}
	})
}
