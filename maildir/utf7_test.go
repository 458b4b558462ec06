package maildir

import (
	"testing"
	"unicode/utf8"
)

// The names are from RFC 3501 section 5.1.3 and from Dovecot's own folders.
func TestUTF7(t *testing.T) {
	tests := map[string]string{
		"":                 "",
		"Spam":             "Spam",
		"Entwürfe":         "Entw&APw-rfe",
		"a&b":              "a&-b",
		"Entw&APw-rfe":     "Entw&-APw-rfe",
		"~peter":           "~peter",
		"台北":               "&U,BTFw-",
		"日本語":              "&ZeVnLIqe-",
		"☺!":               "&Jjo-!",
		"Hi Mom ☺!":        "Hi Mom &Jjo-!",
		"\U0001F600 smile": "&2D3eAA- smile",
		"é&è":              "&AOk-&-&AOg-",
	}
	for name, want := range tests {
		if got := encodeUTF7(name); got != want {
			t.Errorf("%q encodes to %q, want %q", name, got, want)
		}
		if got, ok := decodeUTF7(want); got != name || !ok {
			t.Errorf("%q decodes to %q, %v, want %q", want, got, ok, name)
		}
	}
	for _, bad := range []string{"&", "a&b", "&AOk", "&AGE-", "&Jjo-&Jjo-", "ü", "&2D0-", "&AO-", "a\nb", "&====-", "&AOl-x&"} {
		if got, ok := decodeUTF7(bad); ok {
			t.Errorf("%q decodes to %q, and should not", bad, got)
		}
	}
}

func FuzzUTF7(f *testing.F) {
	for _, seed := range []string{"Entwürfe", "&", "a&-b", "&U,BTFw-", "\U0001F600"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if utf8.ValidString(s) {
			if back, ok := decodeUTF7(encodeUTF7(s)); !ok && !containsReplacement(s) || ok && back != s {
				t.Errorf("%q encodes to %q, which decodes to %q, %v", s, encodeUTF7(s), back, ok)
			}
		}
		if name, ok := decodeUTF7(s); ok && encodeUTF7(name) != s {
			t.Errorf("%q decodes to %q, which encodes to %q", s, name, encodeUTF7(name))
		}
	})
}

func containsReplacement(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError {
			return true
		}
	}
	return false
}
