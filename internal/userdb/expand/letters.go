package expand

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cut is the part of a value that %OFFSET.WIDTH asks for. With a hash (%N, %H)
// the two numbers mean its least length and its modulus instead.
type cut struct {
	offset, width int
	pad           bool // a width with a leading zero pads and never cuts
}

// maxWidth bounds what padding may add.
const maxWidth = 4096

// parseVariable reads a variable after its percent sign, and tells how many
// bytes it took: [-][0][OFFSET.][-][0]WIDTH, modifiers, then a letter or {name}.
func parseVariable(s string) (part, int, error) {
	c, i := parseCut(s)
	if c.width > maxWidth || c.offset > maxWidth {
		return part{}, 0, fmt.Errorf("%%%s is wider than %d", s[:i], maxWidth)
	}
	var mods []byte
	for i < len(s) && strings.IndexByte("LUEXRHNMDT", s[i]) >= 0 {
		mods = append(mods, s[i])
		i++
	}
	if i == len(s) {
		return part{}, 0, errors.New("a % sign stands at the end; a percent sign is written %%")
	}
	var p part
	if s[i] == '{' {
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return part{}, 0, errors.New("%{ has no closing }")
		}
		name, value, err := parseBraces(s[i+1 : i+end])
		if err != nil {
			return part{}, 0, err
		}
		p, i = part{name: name, value: value}, i+end+1
	} else {
		long, ok := short[s[i]]
		if !ok {
			return part{}, 0, fmt.Errorf("unknown variable %%%c", s[i])
		}
		p.name, p.value = variable(long)
		i++
	}
	if len(mods) > 0 || c != (cut{}) {
		p.value = modified(p.value, mods, c)
	}
	return p, i, nil
}

// parseCut reads the numbers before the modifiers.
func parseCut(s string) (cut, int) {
	var c cut
	i := 0
	number := func() (n int) {
		start := i
		if i < len(s) && s[i] == '-' {
			i++
		}
		c.pad = i < len(s) && s[i] == '0'
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		n, _ = strconv.Atoi(s[start:i])
		return n
	}
	c.width = number()
	if i < len(s) && s[i] == '.' {
		i++
		c.offset = c.width
		c.width = number()
	} else if c.width < 0 {
		c.width = -c.width // QUIRK: only behind a point does the sign count
	}
	if c.width == 0 {
		c.pad = false
	}
	return c, i
}

// modified applies modifiers from left to right, then the cut.
func modified(value func(*Vars) string, mods []byte, c cut) func(*Vars) string {
	hashed := slices.ContainsFunc(mods, func(m byte) bool { return m == 'N' || m == 'H' })
	return func(v *Vars) string {
		s := value(v)
		for _, m := range mods {
			s = modify(m, s, c)
		}
		if hashed {
			return s
		}
		return c.of(s)
	}
}

func modify(m byte, s string, c cut) string {
	switch m {
	case 'L':
		return lower(s)
	case 'U':
		return upper(s)
	case 'E':
		return strings.NewReplacer(`"`, `\"`, `'`, `\'`, `\`, `\\`).Replace(s)
	case 'X':
		n, _ := strconv.ParseUint(s, 10, 64)
		return strconv.FormatUint(n, 16)
	case 'R':
		return reverse(s)
	case 'N':
		sum := md5.Sum([]byte(s))
		return c.hash(binary.BigEndian.Uint64(sum[:8]))
	case 'H':
		return c.hash(uint64(oldHash(s)))
	case 'M':
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	case 'D':
		return strings.ReplaceAll(s, ".", ",dc=")
	default: // 'T'
		return strings.TrimRight(s, " \t\r\n\v\f")
	}
}

// hash writes a hash value: modulo the width, at least offset digits.
func (c cut) hash(value uint64) string {
	if c.width > 0 {
		value %= uint64(c.width)
	}
	return fmt.Sprintf("%0*x", max(c.offset, 0), uint32(value))
}

// of takes the part of s that the cut asks for, counted in bytes. A negative
// offset counts from the end, a negative width leaves so many bytes out there.
// QUIRK: where there are not so many, nothing is left out.
func (c cut) of(s string) string {
	if c.offset < 0 {
		s = s[max(len(s)+c.offset, 0):]
	} else {
		s = s[min(c.offset, len(s)):]
	}
	switch {
	case c.pad:
		return strings.Repeat("0", max(c.width-len(s), 0)) + s
	case c.width > 0:
		return s[:min(c.width, len(s))]
	case c.width < 0 && len(s)+c.width >= 0:
		return s[:len(s)+c.width]
	}
	return s
}

// oldHash is the hash of %H, a variant of P. J. Weinberger's.
func oldHash(s string) uint32 {
	var h uint32
	for i := range len(s) {
		h = h<<4 + uint32(s[i])
		if g := h & 0xf0000000; g != 0 {
			h ^= g>>24 ^ g
		}
	}
	return h
}

// lower and upper change ASCII letters only, as Dovecot does: a user name is
// bytes, and case folding beyond ASCII could make two users one.
func lower(s string) string {
	return mapBytes(s, func(c byte) byte {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	})
}

func upper(s string) string {
	return mapBytes(s, func(c byte) byte {
		if 'a' <= c && c <= 'z' {
			return c - ('a' - 'A')
		}
		return c
	})
}

func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func mapBytes(s string, f func(byte) byte) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = f(c)
	}
	return string(b)
}
