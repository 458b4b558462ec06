package maildir

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// base64 as modified UTF-7 has it (RFC 3501 section 5.1.3): "," for "/", no padding.
var utf7Base64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding).Strict()

// encodeUTF7 gives a name in UTF-8 as modified UTF-7.
func encodeUTF7(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return !direct(r) || r == '&' }) {
		return name
	}
	var b strings.Builder
	for name != "" {
		n := strings.IndexFunc(name, func(r rune) bool { return !direct(r) })
		if n < 0 {
			n = len(name)
		}
		b.WriteString(strings.ReplaceAll(name[:n], "&", "&-"))
		name = name[n:]
		if n = strings.IndexFunc(name, direct); n < 0 {
			n = len(name)
		}
		if n > 0 {
			b.WriteString("&" + encodeRun(name[:n]) + "-")
		}
		name = name[n:]
	}
	return b.String()
}

// direct tells whether a rune stands for itself, or for "&" as "&-".
func direct(r rune) bool { return r >= ' ' && r <= '~' }

func encodeRun(s string) string {
	var utf16be []byte
	for _, u := range utf16.Encode([]rune(s)) {
		utf16be = append(utf16be, byte(u>>8), byte(u))
	}
	return utf7Base64.EncodeToString(utf16be)
}

// decodeUTF7 gives the UTF-8 of a name in modified UTF-7. It is not ok when the
// name is not exactly what encodeUTF7 makes: two names of one folder would confuse.
func decodeUTF7(name string) (decoded string, ok bool) {
	if strings.ContainsFunc(name, func(r rune) bool { return !direct(r) }) {
		return "", false
	}
	var b strings.Builder
	for rest := name; rest != ""; {
		plain, shifted, found := strings.Cut(rest, "&")
		b.WriteString(plain)
		if !found {
			break
		}
		run, after, ended := strings.Cut(shifted, "-")
		if !ended {
			return "", false
		}
		rest = after
		if run == "" {
			b.WriteByte('&')
			continue
		}
		text, ok := decodeRun(run)
		if !ok {
			return "", false
		}
		b.WriteString(text)
	}
	decoded = b.String()
	return decoded, encodeUTF7(decoded) == name
}

func decodeRun(run string) (string, bool) {
	raw, err := utf7Base64.DecodeString(run)
	if err != nil || len(raw)%2 != 0 {
		return "", false
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	text := string(utf16.Decode(units))
	return text, !strings.ContainsRune(text, utf8.RuneError)
}
