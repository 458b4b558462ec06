package engine

import (
	"cmp"
	"fmt"
	"strings"

	"dovetail/internal/message"
)

// AddressSource is a setting that says whose address a mail is sent from. The
// zero value is the default of its extension.
type AddressSource struct {
	kind    string // "", sender, recipient, orig_recipient, user_email, postmaster, address
	address string
}

// AddressSource reads such a setting: sender, recipient, orig_recipient,
// user_email, postmaster, <address>, or default, as when it is missing.
func (s Settings) AddressSource(key string) (AddressSource, error) {
	v := strings.TrimSpace(s[key])
	switch lower := strings.ToLower(v); lower {
	case "", "default":
		return AddressSource{}, nil
	case "sender", "recipient", "orig_recipient", "user_email", "postmaster":
		return AddressSource{kind: lower}, nil
	}
	a, err := message.ParsePath(v)
	if err != nil || !strings.HasPrefix(v, "<") {
		return AddressSource{}, fmt.Errorf("%s: invalid address source %q", key, v)
	}
	src := AddressSource{kind: "address"}
	if a.Local != "" {
		src.address = a.String()
	}
	return src, nil
}

// Of gives the address in a run; def is that of the default. "" is the null
// sender, or an address that is not known.
func (src AddressSource) Of(r *Run, def string) string {
	e := r.env.Envelope
	if e == nil {
		e = &message.Envelope{}
	}
	switch src.kind {
	case "":
		return def
	case "sender":
		return e.From
	case "recipient":
		return e.To
	case "orig_recipient":
		return cmp.Or(e.OrigTo, e.To)
	case "user_email":
		return cmp.Or(r.env.UserEmail, e.To)
	case "postmaster":
		return r.env.Postmaster
	}
	return src.address
}
