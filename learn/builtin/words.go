package builtin

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words takes the words of a text. A word is a run of letters, digits and a few
// signs inside of it, in lower case; scripts that write no spaces give pairs of
// characters. Addresses of web pages give their hosts besides.
func (c *collector) words(prefix, text string) {
	for i := 0; i < len(text); {
		if b := text[i]; b < utf8.RuneSelf && signs[b] != inWord {
			i++
			continue
		} else if b >= utf8.RuneSelf {
			if r, n := utf8.DecodeRuneInString(text[i:]); !isWordRune(r) {
				i += n
				continue
			}
		}
		if link, n := linkAt(text[i:]); n > 0 {
			c.link(link)
			i += n
			continue
		}
		n, ascii := wordLen(text[i:])
		if word := text[i : i+n]; ascii {
			c.asciiWord(prefix, word)
		} else {
			c.word(prefix, word)
		}
		i += n
	}
}

// What an ASCII character is to words.
const (
	inWord  = 1 + iota
	joining // inside of a word alone
	ending  // at its end: "free!" and "100%" say more than the word alone
)

var signs = func() (signs [utf8.RuneSelf]uint8) {
	for i := range signs {
		switch b := byte(i); {
		case lower(b) >= 'a' && lower(b) <= 'z' || b >= '0' && b <= '9' || b == '$':
			signs[i] = inWord
		case strings.IndexByte("'-._,@+", b) >= 0:
			signs[i] = joining
		case b == '!' || b == '%':
			signs[i] = ending
		}
	}
	return signs
}()

// isWordRune tells whether a character beyond ASCII may be in a word.
func isWordRune(r rune) bool {
	return r == '€' || r == '£' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r)
}

// wordLen gives the bytes of the word at the start of text, and whether all are
// ASCII: signs that join belong to it when a word goes on behind them.
func wordLen(text string) (n int, ascii bool) {
	ascii = true
	for i := 0; i < len(text); {
		if b := text[i]; b < utf8.RuneSelf {
			switch sign := signs[b]; {
			case sign == inWord:
				n = i + 1
			case sign == joining && n == i:
			case sign == ending && n == i:
				return i + 1, ascii
			default:
				return n, ascii
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if !isWordRune(r) {
			return n, ascii
		}
		ascii = false
		i += size
		n = i
	}
	return n, ascii
}

// asciiWord takes a word of ASCII characters.
func (c *collector) asciiWord(prefix, word string) {
	switch n := len(word); {
	case n < minWord:
		return
	case n > maxWord && strings.IndexByte(word, '@') < 0:
		c.add("long:", strconv.Itoa(n/10*10))
		return
	}
	c.addLower(prefix, word)
	if len(word) > minWord && shouted(word) {
		c.addLower("shout:"+prefix, word)
	}
}

// shouted tells whether a word has capital letters, and no small ones.
func shouted(word string) bool {
	capital := false
	for i := range len(word) {
		if b := word[i]; b >= 'a' && b <= 'z' {
			return false
		} else if b >= 'A' && b <= 'Z' {
			capital = true
		}
	}
	return capital
}

// word takes a word of any characters.
func (c *collector) word(prefix, word string) {
	n := utf8.RuneCountInString(word)
	if first, _ := utf8.DecodeRuneInString(word); isDense(first) {
		c.pairs(prefix, word)
		return
	}
	switch {
	case n < minWord:
		return
	case n > maxWord && !strings.Contains(word, "@"):
		c.add("long:", strconv.Itoa(n/10*10))
		return
	}
	lower := strings.ToLower(word)
	c.add(prefix, lower)
	if word != lower && word == strings.ToUpper(word) && n > minWord {
		c.add("shout:"+prefix, lower)
	}
}

// isDense tells whether r is of a script that puts no spaces between words.
func isDense(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// pairs takes each two characters that follow each other.
func (c *collector) pairs(prefix, word string) {
	last := -1
	for i, r := range word {
		if last >= 0 {
			c.add(prefix, word[last:i+utf8.RuneLen(r)])
		}
		last = i
	}
}

// linkAt gives the address of a web page at the start of text, and its length.
func linkAt(text string) (link string, n int) {
	if !hasPrefix(text, "http://") && !hasPrefix(text, "https://") && !hasPrefix(text, "www.") {
		return "", 0
	}
	n = strings.IndexAny(text, " \t\r\n<>\"'()[]{}")
	if n < 0 {
		n = len(text)
	}
	return text[:n], n
}

// hasPrefix tells whether text begins with an ASCII prefix in lower case, in any case.
func hasPrefix(text, prefix string) bool {
	return len(text) >= len(prefix) && lower(text[0]) == prefix[0] && strings.EqualFold(text[:len(prefix)], prefix)
}

// link takes the parts of a link that say where it leads.
func (c *collector) link(link string) {
	if hasPrefix(link, "www.") {
		link = "http://" + link
	}
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil {
		c.add("url:", "broken")
		return
	}
	switch scheme := strings.ToLower(u.Scheme); scheme {
	case "http", "https":
	case "":
		return
	default:
		c.add("scheme:", scheme)
		if addr := u.Opaque; scheme == "mailto" {
			addr, _, _ = strings.Cut(addr, "?")
			c.add("mailto:", strings.ToLower(addr))
		}
		return
	}
	c.host("url:", u.Hostname())
	if u.Port() != "" {
		c.add("url-port:", u.Port())
	}
	if u.User != nil {
		c.add("url:", "user")
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if n := utf8.RuneCountInString(part); n >= minWord && n <= maxWord {
			c.add("path:", strings.ToLower(part))
		}
	}
}

// host takes a host's name and the domains that it is in, but for the top one.
// Of an address it takes the networks, too.
func (c *collector) host(prefix, host string) {
	host = strings.ToLower(strings.Trim(host, ".[]"))
	if ip, ok := address(host); ok {
		c.ip(prefix, ip)
		return
	}
	for range 4 { // names with more labels are mostly counters
		c.add(prefix, host)
		_, rest, ok := strings.Cut(host, ".")
		if !ok || !strings.Contains(rest, ".") {
			return
		}
		host = rest
	}
}

// address reads an IP address, which a name is seen not to be at once.
func address(text string) (netip.Addr, bool) {
	if text == "" || (text[len(text)-1] < '0' || text[len(text)-1] > '9') && strings.IndexByte(text, ':') < 0 {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(text)
	return ip, err == nil
}

func (c *collector) ip(prefix string, ip netip.Addr) {
	bits := []int{32, 24, 16}
	if ip = ip.Unmap(); ip.Is6() {
		bits = []int{64, 48, 32}
	}
	c.add(prefix, "address")
	for _, n := range bits {
		if net, err := ip.Prefix(n); err == nil {
			c.add(prefix, net.String())
		}
	}
}
