package maildir

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCheckFinds(t *testing.T) {
	q, err := ParseQuota([]string{"*:storage=1M"}, "")
	if err != nil {
		t.Fatal(err)
	}
	s, home := inHome(t, func(o *Options) { o.Quota = q })
	put(t, s, "INBOX", "Junk")
	put(t, s, "box")
	root := home + "/Maildir/"
	for path, text := range map[string]string{
		"cur/a,S=3,W=4:2,S":    "12",
		"cur/b,S=3,W=3:2,S":    "1\n\n",
		"cur/c,S=4,W=4:2,":     "\r\n\r\n",
		"cur/d:2,SF":           "",
		"cur/e:2,z":            "",
		"new/e":                "",
		"tmp/left":             "",
		"dovecot-uidlist":      "3 V1 N1\n2 :x\n1 :y\n",
		"dovecot-uidlist.lock": "",
		"maildirsize":          "1048576S\n7 7\n",
	} {
		mustWrite(t, root+path, text)
	}
	if err := os.RemoveAll(root + ".box/new"); err != nil {
		t.Fatal(err)
	}
	problems, err := Check(context.Background(), s, CheckOptions{Content: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cur/a,S=3,W=4:2,S: has 2 bytes", "cur/a,S=3,W=4:2,S: has 2 bytes with CRLF", "cur/b,S=3,W=3:2,S: has 5 bytes with CRLF",
		"cur/d:2,SF: flags not in order", "cur/e:2,z: keyword without a name", "cur/e:2,z: same message name as " + root + "new/e",
		"tmp/left: left in tmp", "dovecot-uidlist:3: UIDs not ascending", "dovecot-uidlist.lock: lock left behind",
		".box/new: missing", "maildirsize: says 7 bytes in 7 messages, and there are 21 in 7",
	}
	got := map[string]bool{}
	for _, p := range problems {
		got[strings.TrimPrefix(p.String(), root)] = true
	}
	for _, w := range want {
		if !got[w] {
			t.Errorf("not found: %s", w)
		}
		delete(got, w)
	}
	for g := range got {
		t.Errorf("found: %s", g)
	}
	problems, err = Check(context.Background(), s, CheckOptions{TmpAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.Contains(p.Text, "left") || strings.Contains(p.Text, "CRLF") {
			t.Errorf("found: %v", p)
		}
	}
}
