package action

import (
	"crypto/sha256"
	"encoding/binary"
)

// Key says what is to happen once: a hash, whose meaning is known only to who
// made it.
type Key = [32]byte

// NewKey makes the key of a list of texts, each with its length, so that no two
// lists are alike.
func NewKey(parts ...string) Key {
	h := sha256.New()
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return Key(h.Sum(nil))
}
