package ext

import (
	"fmt"
	"slices"
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 sections 2.7.4 and 5.1",
	AddressParts: []engine.AddressPart{
		{Name: "all", Part: func(_ engine.Holder, local, domain string) (string, bool) {
			return message.Address{Local: local, Domain: domain}.String(), true
		}},
		{Name: "localpart", Part: func(_ engine.Holder, local, _ string) (string, bool) { return local, true }},
		{Name: "domain", Part: func(_ engine.Holder, _, domain string) (string, bool) { return domain, domain != "" }},
	},
	Commands: []engine.Command{{
		Name: "address", Match: true, AddressPart: true, Test: compileAddress,
		Params: []engine.Param{
			{Name: "header list", Kind: engine.StringList, Check: checkAddressField},
			{Name: "key list", Kind: engine.StringList},
		},
	}},
})

// addressFields are the header fields that the address test accepts: those that
// RFC 5228 section 5.1 names, the others of RFC 5322, and those of RFC 2076 and
// common use. The envelope has a test of its own.
var addressFields = []string{
	"from", "sender", "reply-to", "to", "cc", "bcc",
	"resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc", "resent-bcc",
	"abuse-reports-to", "apparently-to", "delivered-to", "errors-to",
	"for-approval", "for-comment", "for-handling", "mail-followup-to", "mail-reply-to",
	"read-receipt-to", "registered-mail-reply-requested-by", "return-receipt-requested", "return-receipt-to",
	"x-admin", "x-beenthere", "x-complaints-to", "x-confirm-reading-to", "x-original-to", "x-report-abuse-to",
}

func checkAddressField(name string) error {
	if !slices.Contains(addressFields, strings.ToLower(name)) {
		return fmt.Errorf("specified header '%s' is not allowed for the address test", name)
	}
	return nil
}

func compileAddress(c *engine.Call) (engine.Cond, error) {
	c.WarnHeaderNames(0)
	names, m, fields, part := c.Strs(0), c.Matcher(), c.Fields(), c.AddressPart()
	fixed, known := names.Const()
	return func(r *engine.Run) (bool, error) {
		list := fixed
		if !known {
			list = names.Eval(r)
		}
		x := m.Begin(r)
		return x.End(fields(r, list, func(f message.Field) error { return matchAddresses(r, &x, part, f) }))
	}, nil
}

// matchAddresses matches the part of every address of a field. A field with
// something like an address but none to use, as "undisclosed-recipients:;", is
// matched as a whole by :all, and an empty one by every part (Pigeonhole does so;
// RFC 5228 section 5.1 leaves it open).
func matchAddresses(r *engine.Run, x *engine.Matching, part *engine.AddressPart, f message.Field) error {
	list, usable := r.Addresses(f), false
	for _, a := range list {
		if !a.IsMailbox() {
			continue
		}
		usable = true
		if v, ok := part.Part(r, a.Local, a.Domain); ok {
			if err := x.Value(v); err != nil {
				return err
			}
		}
	}
	v := f.Value()
	if usable || v != "" && (len(list) == 0 || part.Name != "all") {
		return nil
	}
	return x.Value(v)
}
