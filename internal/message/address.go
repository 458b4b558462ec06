package message

// Address is one address of an address list (RFC 5322 section 3.4). A group's
// start and end are entries of their own, as in IMAP's envelope (RFC 3501
// section 7.4.2): Group set, Name its name at the start, empty at the end.
type Address struct {
	Name    string // display name, decoded; a group's name
	Local   string // local part, unquoted
	Domain  string // "" when missing
	Group   bool
	Invalid bool // the syntax was wrong
	Raw string // as written, where Invalid
}

// ParseAddresses reads an address list leniently.
func ParseAddresses(s string) []Address { return nil }
