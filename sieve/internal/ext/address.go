package ext

import (
	"fmt"
	"slices"
	"strings"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 sections 2.7.4 and 5.1",
	AddressParts: []engine.AddressPart{
		{Name: "all", Part: func(_ engine.Holder, a *engine.Address) (string, bool) { return a.Full, true }},
		{Name: "localpart", Part: func(_ engine.Holder, a *engine.Address) (string, bool) { return a.Local, true }},
		{Name: "domain", Part: func(_ engine.Holder, a *engine.Address) (string, bool) { return a.Domain, a.Domain != "" }},
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
	names, fields, part := c.Strs(0), c.Fields(), c.AddressPart()
	return c.Comparing(func(r *engine.Run, x *engine.Matching) error {
		for _, name := range names {
			list, err := fields(r, name.Eval(r))
			if err != nil {
				return err
			}
			for _, f := range list {
				if err := matchAddresses(r, x, part, f); err != nil {
					return err
				}
			}
		}
		return nil
	}), nil
}

// matchAddresses matches the part of every address of a field. A field with
// something like an address but none to use, as "undisclosed-recipients:;", is
// matched as a whole by :all, and an empty one by every part (Pigeonhole does so;
// RFC 5228 section 5.1 leaves it open).
func matchAddresses(r *engine.Run, x *engine.Matching, part *engine.AddressPart, f *engine.Field) error {
	list, listed := f.Addresses()
	if err := r.Spend(len(f.Value())); err != nil {
		return err
	}
	for i := range list {
		if v, ok := part.Part(r, &list[i]); ok {
			if err := x.Value(v); err != nil {
				return err
			}
		}
	}
	v := f.Value()
	if len(list) > 0 || v != "" && (!listed || part.Name != "all") {
		return nil
	}
	return x.Value(v)
}
