package learn

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"dovetail/internal/message"
)

// Hash identifies a message, whoever holds a copy: header fields that servers and
// clients add or change on the way into a folder do not count, nor do line ends and
// empty lines at the end.
type Hash [sha256.Size]byte

// String gives the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// volatile are the fields that are not part of a message's identity: those that
// delivery adds, verdicts of filters, and where mbox files and IMAP clients keep
// flags and numbers.
var volatile = map[string]bool{
	"return-path": true, "delivered-to": true, "x-original-to": true, "envelope-to": true, "delivery-date": true,
	"received": true, "status": true, "x-status": true, "x-uid": true, "x-uidl": true, "x-keywords": true,
	"x-imap": true, "x-imapbase": true, "x-mozilla-status": true, "x-mozilla-status2": true, "x-mozilla-keys": true,
	"content-length": true, "lines": true, "x-bogosity": true, "x-spamd-result": true, "x-rspamd-server": true,
	"x-rspamd-queue-id": true, "x-rspamd-action": true, "authentication-results": true, "x-virus-scanned": true,
}

// volatilePrefix begins the names of further such fields.
const volatilePrefix = "x-spam"

// HashOf gives the hash of a message. The error is that of reading it.
func HashOf(m *message.Message) (Hash, error) {
	sum := sha256.New()
	for _, f := range m.Fields() {
		name := strings.ToLower(f.Name)
		if volatile[name] || strings.HasPrefix(name, volatilePrefix) {
			continue
		}
		// White space at folds differs between those that write a header anew.
		fmt.Fprintf(sum, "%s:%s\n", name, strings.Join(strings.Fields(f.Value()), " "))
	}
	io.WriteString(sum, "\n")
	body := message.NewLFWriter(&trimmed{w: sum})
	if _, err := io.Copy(body, m.OpenBody()); err != nil {
		return Hash{}, fmt.Errorf("reading the message: %w", err)
	}
	if err := body.Flush(); err != nil {
		return Hash{}, fmt.Errorf("hashing the message: %w", err)
	}
	return Hash(sum.Sum(nil)), nil
}

// trimmed passes bytes on, but for the line ends at the end.
type trimmed struct {
	w    io.Writer
	held int // line ends held back
}

func (t *trimmed) Write(p []byte) (int, error) {
	text := bytes.TrimRight(p, "\n")
	if len(text) > 0 {
		if _, err := t.w.Write(bytes.Repeat([]byte{'\n'}, t.held)); err != nil {
			return 0, err
		}
		if _, err := t.w.Write(text); err != nil {
			return 0, err
		}
		t.held = 0
	}
	t.held += len(p) - len(text)
	return len(p), nil
}
