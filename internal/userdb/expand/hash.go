package expand

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// hashing is Dovecot 2.3's %{ALGORITHM;rounds=N,truncate=BITS,salt=S,format=F:FIELD}.
type hashing struct {
	algo     string
	rounds   int
	truncate int // bits, 0 = all
	salt     string
	base64   bool
}

func parseHash(spec, field string) (string, func(*Vars) string, error) {
	algo, args, _ := strings.Cut(spec, ";")
	h := hashing{algo: algo, rounds: 1}
	if hashes[algo] == nil {
		return "", nil, fmt.Errorf("unknown variable %%{%s:%s}", spec, field)
	}
	for arg := range strings.SplitSeq(args, ",") {
		if err := h.set(arg); err != nil {
			return "", nil, fmt.Errorf("%%{%s:%s}: %w", spec, field, err)
		}
	}
	name, value := variable(field)
	if value == nil {
		return "", nil, fmt.Errorf("%%{%s:%s}: unknown variable %q", spec, field, field)
	}
	return name, func(v *Vars) string { return h.of(value(v)) }, nil
}

func (h *hashing) set(arg string) (err error) {
	key, value, _ := strings.Cut(arg, "=")
	switch key {
	case "":
	case "rounds":
		h.rounds, err = atLeast1(value)
	case "truncate":
		h.truncate, err = atLeast1(value)
	case "salt":
		h.salt = value
	case "format":
		// QUIRK: Dovecot writes "hexuc" in small letters too.
		if value != "hex" && value != "hexuc" && value != "base64" {
			return fmt.Errorf("unknown format %q", value)
		}
		h.base64 = value == "base64"
	default:
		return fmt.Errorf("unknown argument %q", key)
	}
	return err
}

func atLeast1(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a number from 1 on", s)
	}
	return n, nil
}

func (h *hashing) of(s string) string {
	for range h.rounds {
		s = sum(h.algo, h.salt, s)
	}
	if bits := len(s) * 8; h.truncate > 0 && h.truncate < bits {
		n := new(big.Int).SetBytes([]byte(s))
		n.Rsh(n, uint(bits-h.truncate))
		s = string(n.FillBytes(make([]byte, (h.truncate+7)/8)))
	}
	if h.base64 {
		return base64.StdEncoding.EncodeToString([]byte(s))
	}
	return hex.EncodeToString([]byte(s))
}
