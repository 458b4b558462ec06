package builtin

import (
	"strings"

	"dovetail/internal/message"
)

// ignored are the fields that say nothing about a message as it was sent:
// verdicts of filters, ours among them, and what delivery and mail programs add.
var ignored = map[string]bool{
	"return-path": true, "delivered-to": true, "x-original-to": true, "envelope-to": true, "delivery-date": true,
	"status": true, "x-status": true, "x-uid": true, "x-uidl": true, "x-keywords": true, "x-imap": true, "x-imapbase": true,
	"x-mozilla-status": true, "x-mozilla-status2": true, "x-mozilla-keys": true, "content-length": true, "lines": true,
	"x-bogosity": true, "x-spamd-result": true, "x-spamd-bar": true, "x-rspamd-server": true, "x-rspamd-queue-id": true,
	"x-rspamd-action": true, "x-rspamd-score": true, "authentication-results": true, "arc-authentication-results": true,
	"x-virus-scanned": true, "x-sieve-mark": true, "x-sieve": true,
}

// ignoredPrefix begins the names of further such fields.
const ignoredPrefix = "x-spam"

// present are fields that are different in every message, so that only their
// presence counts.
var present = map[string]bool{
	"date": true, "references": true, "in-reply-to": true, "thread-index": true, "arc-seal": true, "arc-message-signature": true,
	"x-google-dkim-signature": true, "x-gm-message-state": true, "x-google-smtp-source": true, "x-received": true,
	"mime-version": true, "autocrypt": true, "openpgp": true, "face": true, "x-face": true,
}

// addressed are the fields that hold addresses.
var addressed = map[string]bool{
	"from": true, "to": true, "cc": true, "reply-to": true, "sender": true, "errors-to": true, "bcc": true, "list-post": true,
}

// header takes the fields of a message's header.
func (c *collector) header(m *message.Message) {
	fields := m.Fields()
	for _, f := range fields[:min(len(fields), maxFields)] {
		name := strings.ToLower(f.Name)
		if name == "" || ignored[name] || strings.HasPrefix(name, ignoredPrefix) || strings.HasPrefix(name, "content-") {
			continue // a part's own fields are taken with its structure
		}
		if name != "received" {
			c.add("field:", name)
		}
		if !present[name] {
			c.field(name, f)
		}
	}
}

// field takes the value of a field.
func (c *collector) field(name string, f message.Field) {
	prefix := name + ":"
	switch {
	case name == "received":
		c.received(bounded(f.Value()))
	case name == "message-id":
		if _, domain, ok := strings.Cut(strings.Trim(bounded(f.Value()), "<> "), "@"); ok {
			c.host(prefix, domain)
		} else {
			c.add(prefix, "strange")
		}
	case name == "dkim-signature":
		c.signer(bounded(f.Value()))
	case addressed[name]:
		c.addresses(prefix, bounded(f.Value()))
	default:
		c.words(prefix, bounded(f.Decoded()))
	}
}

// bounded cuts a value that is too long.
func bounded(s string) string { return s[:min(len(s), maxFieldValue)] }

// addresses takes the addresses of a list, their domains, and the words of their names.
func (c *collector) addresses(prefix, value string) {
	list := message.ParseAddresses(value)
	switch n := len(list); {
	case n > 10:
		c.add(prefix, "many")
	case n > 1:
		c.add(prefix, "several")
	}
	for _, a := range list {
		if a.Invalid {
			c.add(prefix, "invalid")
		}
		if a.Local != "" && a.Domain != "" {
			c.add(prefix, strings.ToLower(a.Local+"@"+a.Domain))
			c.host(prefix+"@", a.Domain)
		}
		c.words(prefix, message.DecodeWords(a.Name))
	}
}

// signer takes the domain that signed a message (RFC 6376 section 3.5, d=).
func (c *collector) signer(value string) {
	for tag := range strings.SplitSeq(value, ";") {
		if name, v, ok := strings.Cut(tag, "="); ok && strings.TrimSpace(name) == "d" {
			c.host("dkim:", strings.TrimSpace(v))
		}
	}
}

// received takes hosts and networks of a Received field.
func (c *collector) received(value string) {
	value, _, _ = strings.Cut(value, ";") // then comes the date
	for len(value) > 0 {
		n := strings.IndexAny(value, " \t()[]<>=,")
		if n < 0 {
			n = len(value)
		}
		word := value[:n]
		value = value[min(n+1, len(value)):]
		if ip, ok := address(strings.TrimPrefix(word, "IPv6:")); ok {
			c.ip("received:", ip)
		} else if strings.IndexByte(word, '.') >= 0 && strings.IndexByte(word, '@') < 0 {
			c.host("received:", word)
		}
	}
}
