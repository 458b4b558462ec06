package expand

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// operand is a value inside %{…}: a variable or a constant.
type operand struct {
	name   string // of the variable, empty for a constant
	value  func(*Vars) string
	number int
	isNum  bool
}

// filter is one `| name(arguments)` of Dovecot 2.4.
type filter struct {
	min, max int // number of arguments
	apply    func(s string, v *Vars, args []operand) string
}

// filters are those of Dovecot 2.4 that make sense for names and paths.
var filters = map[string]filter{
	"lower":    plain(lower),
	"upper":    plain(upper),
	"username": plain(username),
	"domain":   plain(domain),
	"reverse":  plain(reverse),
	"ldap_dn":  plain(func(s string) string { return strings.ReplaceAll(s, ".", ",dc=") }),
	"hexlify":  plain(func(s string) string { return hex.EncodeToString([]byte(s)) }),
	"base64":   plain(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
	"md5":      digest("md5"),
	"sha1":     digest("sha1"),
	"sha256":   digest("sha256"),
	"sha384":   digest("sha384"),
	"sha512":   digest("sha512"),
	"substr": {1, 2, func(s string, _ *Vars, args []operand) string {
		from := args[0].number
		if from < 0 {
			from += len(s)
		}
		from = min(max(from, 0), len(s))
		to := len(s)
		if len(args) == 2 && args[1].number < 0 {
			to += args[1].number
		} else if len(args) == 2 {
			to = from + args[1].number
		}
		return s[from:min(max(to, from), len(s))]
	}},
	"truncate": {1, 1, func(s string, _ *Vars, args []operand) string {
		return s[:min(max(args[0].number, 0), len(s))]
	}},
	"default": {0, 1, func(s string, v *Vars, args []operand) string {
		if s != "" || len(args) == 0 {
			return s
		}
		return args[0].value(v)
	}},
	"concat": {1, 8, func(s string, v *Vars, args []operand) string {
		for _, a := range args {
			s += a.value(v)
		}
		return s
	}},
}

// numeric names the filters whose arguments must be numbers.
var numeric = map[string]bool{"substr": true, "truncate": true}

func plain(f func(string) string) filter {
	return filter{apply: func(s string, _ *Vars, _ []operand) string { return f(s) }}
}

// hashes are the digests by their names in both generations.
var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

func digest(name string) filter {
	return plain(func(s string) string { return sum(name, "", s) })
}

func sum(name, salt, s string) string {
	h := hashes[name]()
	h.Write([]byte(salt + s))
	return string(h.Sum(nil))
}

// parseBraces reads what stands between %{ and }.
func parseBraces(s string) (string, func(*Vars) string, error) {
	if algo, field, ok := strings.Cut(s, ":"); ok && !strings.ContainsAny(s, `|'"`) {
		return parseHash(algo, field)
	}
	in := &scanner{s: s}
	first, err := in.operand()
	if err != nil {
		return "", nil, err
	}
	value := first.value
	for in.take('|') {
		value, err = in.filter(value)
		if err != nil {
			return "", nil, err
		}
	}
	if in.rest() != "" {
		return "", nil, fmt.Errorf("%%{%s}: cannot read %q", s, in.rest())
	}
	return first.name, value, nil
}

// filter reads one filter and puts it behind value.
func (in *scanner) filter(value func(*Vars) string) (func(*Vars) string, error) {
	name := in.word()
	f, ok := filters[name]
	if !ok {
		return nil, fmt.Errorf("%%{%s}: unknown filter %q", in.s, name)
	}
	args, err := in.args()
	if err != nil {
		return nil, err
	}
	if len(args) < f.min || len(args) > f.max {
		return nil, fmt.Errorf("%%{%s}: filter %q takes %d to %d arguments", in.s, name, f.min, f.max)
	}
	for _, a := range args {
		if numeric[name] && !a.isNum {
			return nil, fmt.Errorf("%%{%s}: filter %q takes numbers", in.s, name)
		}
	}
	return func(v *Vars) string { return f.apply(value(v), v, args) }, nil
}

// args reads `(a, b)`, or nothing.
func (in *scanner) args() ([]operand, error) {
	if !in.take('(') {
		return nil, nil
	}
	var args []operand
	for !in.take(')') {
		if len(args) > 0 && !in.take(',') {
			return nil, fmt.Errorf("%%{%s}: cannot read the arguments at %q", in.s, in.rest())
		}
		a, err := in.operand()
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	return args, nil
}

// operand reads a variable, a number or a quoted string.
func (in *scanner) operand() (operand, error) {
	if text, ok, err := in.quoted(); ok || err != nil {
		return operand{value: func(*Vars) string { return text }}, err
	}
	word := in.word()
	if n, err := strconv.Atoi(word); err == nil {
		return operand{value: func(*Vars) string { return word }, number: n, isNum: true}, nil
	}
	name, value := variable(word)
	if value == nil || name == "%" {
		return operand{}, fmt.Errorf("%%{%s}: unknown variable %q", in.s, word)
	}
	return operand{name: name, value: value}, nil
}

// scanner reads the inside of %{…}; blanks between words do not count.
type scanner struct {
	s   string
	pos int
}

func (in *scanner) rest() string { return strings.TrimLeft(in.s[in.pos:], " ") }

func (in *scanner) skip() { in.pos = len(in.s) - len(in.rest()) }

func (in *scanner) take(c byte) bool {
	in.skip()
	if in.pos < len(in.s) && in.s[in.pos] == c {
		in.pos++
		return true
	}
	return false
}

func (in *scanner) word() string {
	in.skip()
	start := in.pos
	for in.pos < len(in.s) && strings.IndexByte(" |(),'\";", in.s[in.pos]) < 0 {
		in.pos++
	}
	return in.s[start:in.pos]
}

// quoted reads 'text' or "text"; a backslash takes the next character as it is.
func (in *scanner) quoted() (string, bool, error) {
	in.skip()
	if in.pos == len(in.s) || (in.s[in.pos] != '\'' && in.s[in.pos] != '"') {
		return "", false, nil
	}
	quote := in.s[in.pos]
	var b strings.Builder
	for i := in.pos + 1; i < len(in.s); i++ {
		switch {
		case in.s[i] == quote:
			in.pos = i + 1
			return b.String(), true, nil
		case in.s[i] == '\\' && i+1 < len(in.s):
			i++
			fallthrough
		default:
			b.WriteByte(in.s[i])
		}
	}
	return "", false, errors.New("a quoted string has no end")
}
