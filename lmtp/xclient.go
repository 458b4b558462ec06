package lmtp

import (
	"net/netip"
	"strconv"
	"strings"
)

// xclientNames are the attributes of XCLIENT that are offered: Postfix's, and
// Dovecot's SESSION.
const xclientNames = "ADDR PORT PROTO HELO LOGIN NAME SESSION"

// xclient lets a trusted peer say for whom it speaks (Postfix's XCLIENT_README).
// All attributes are taken or none; the session then starts anew.
func (s *session) xclient(arg string) {
	switch {
	case !s.trust:
		s.refuse(550, "5.7.1 XCLIENT is not allowed from here")
		return
	case s.tx != nil:
		s.refuse(503, "5.5.1 XCLIENT in a transaction")
		return
	case arg == "":
		s.refuse(501, "5.5.4 XCLIENT needs attributes")
		return
	}
	x := xclientState{client: s.client, proto: s.proto, helo: s.xhelo, id: s.id}
	for attribute := range strings.FieldsSeq(arg) {
		name, value, has := strings.Cut(attribute, "=")
		value, ok := decodeXtext(value)
		if !has || !ok || !x.set(strings.ToUpper(name), value) {
			s.refuse(501, "5.5.4 Bad attribute of XCLIENT")
			return
		}
	}
	if x.moved {
		x.client.Addr = netip.AddrPortFrom(x.addr, x.port)
	}
	s.client, s.proto, s.xhelo = x.client, x.proto, x.helo
	s.client.Helo = "" // LHLO has to come again
	if x.id != s.id {
		s.log.Debug("LMTP session gets its id by XCLIENT", "id", x.id)
		s.log = s.srv.Log.With("session", x.id)
		s.id, s.transactions = x.id, 0
	}
	s.greet()
}

// xclientState is what an XCLIENT command changes.
type xclientState struct {
	client Client
	addr   netip.Addr
	port   uint16
	moved  bool // addr and port were set
	proto  string
	helo   string
	id     string
}

// set takes one attribute. A value that the peer does not know is
// "[UNAVAILABLE]" or "[TEMPUNAVAIL]" and leaves the attribute empty.
func (x *xclientState) set(name, value string) bool {
	if v := strings.ToUpper(value); v == "[UNAVAILABLE]" || v == "[TEMPUNAVAIL]" {
		value = ""
	}
	word := !strings.Contains(value, " ") && len(value) <= 255
	switch name {
	case "ADDR":
		x.moved = true
		if len(value) > 5 && strings.EqualFold(value[:5], "IPV6:") {
			value = value[5:]
		}
		addr, err := netip.ParseAddr(value)
		x.addr = addr.Unmap()
		return err == nil || value == ""
	case "PORT":
		x.moved = true
		port, err := strconv.ParseUint(value, 10, 16)
		x.port = uint16(port)
		return err == nil || value == ""
	case "PROTO":
		x.proto = strings.ToUpper(value)
		return word
	case "HELO":
		x.helo = value
		return word
	case "LOGIN":
		x.client.Login = value
	case "NAME":
		x.client.Name = value
		return word
	case "SESSION":
		x.id = value
		return word && value != "" && len(value) <= 64
	default:
		return false
	}
	return true
}
