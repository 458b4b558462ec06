package ext

import (
	"strings"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "subaddress", Spec: "RFC 5233",
	Configs: []engine.Configuration{delimiters},
	AddressParts: []engine.AddressPart{
		{Name: "user", Part: func(h engine.Holder, a *engine.Address) (string, bool) {
			user, _, _ := splitDetail(h, a.Local)
			return user, true
		}},
		{Name: "detail", Part: func(h engine.Holder, a *engine.Address) (string, bool) {
			_, detail, ok := splitDetail(h, a.Local)
			return detail, ok
		}},
	},
})

// delimiters is recipient_delimiter: each of its characters separates the user
// from the detail.
var delimiters = engine.NewConfig(func(s engine.Settings) (string, error) {
	if d, set := s["recipient_delimiter"]; set {
		return d, nil
	}
	return "+", nil
})

// splitDetail splits a local part at the first delimiter.
func splitDetail(h engine.Holder, local string) (user, detail string, ok bool) {
	i := strings.IndexAny(local, delimiters.Of(h))
	if i < 0 {
		return local, "", false
	}
	return local[:i], local[i+1:], true
}
