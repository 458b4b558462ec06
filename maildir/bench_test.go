package maildir_test

import (
	"context"
	"strings"
	"testing"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/maildir"
)

// BenchmarkDeliver is one delivery without the flushes, which the flusher measures:
// what the processor does for a message.
func BenchmarkDeliver(b *testing.B) {
	loc, err := maildir.ParseLocation("maildir:~/Maildir")
	if err != nil {
		b.Fatal(err)
	}
	m := message.Parse([]byte("Subject: bench\n\n" + strings.Repeat("0123456789abcde\n", 4096/16)))
	for name, flags := range map[string][]string{"new": nil, "keyword": {`\Seen`, "Junk"}} {
		b.Run(name, func(b *testing.B) {
			o := maildir.Options{Location: loc, Home: b.TempDir(), Cache: maildir.NewCache()}
			b.ReportAllocs()
			for b.Loop() {
				s, err := maildir.Open(o)
				if err != nil {
					b.Fatal(err)
				}
				p, err := s.Prepare(context.Background(), m, mailstore.Delivery{Mailbox: "INBOX", Flags: flags})
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Publish(); err != nil {
					b.Fatal(err)
				}
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
