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
	for len(text) > 0 {
		start := strings.IndexFunc(text, isWordRune)
		if start < 0 {
			return
		}
		text = text[start:]
		if link, n := linkAt(text); n > 0 {
			c.link(link)
			text = text[n:]
			continue
		}
		n := wordLen(text)
		c.word(prefix, text[:n])
		text = text[n:]
	}
}

// isWordRune tells whether r may be in a word.
func isWordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '$' || r == '€' || r == '£' ||
		r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r))
}

// wordLen gives the bytes of the word at the start of text: signs that join
// belong to it when a word goes on behind them.
func wordLen(text string) int {
	n := 0
	for i, r := range text {
		switch {
		case isWordRune(r):
			n = i + utf8.RuneLen(r)
		case strings.ContainsRune("'-._,@+", r) && n == i:
		case r == '!' || r == '%':
			if n == i {
				n = i + 1 // "free!" and "100%" say more than the word alone
			}
			return n
		default:
			return n
		}
	}
	return n
}

// word takes one word.
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
	if (text[0]|0x20) != 'h' && (text[0]|0x20) != 'w' {
		return "", 0
	}
	if len(text) < 5 {
		return "", 0
	}
	head := strings.ToLower(text[:min(len(text), 8)])
	if !strings.HasPrefix(head, "http://") && !strings.HasPrefix(head, "https://") && !strings.HasPrefix(head, "www.") {
		return "", 0
	}
	n = strings.IndexAny(text, " \t\r\n<>\"'()[]{}")
	if n < 0 {
		n = len(text)
	}
	return text[:n], n
}

// link takes the parts of a link that say where it leads.
func (c *collector) link(link string) {
	if strings.HasPrefix(strings.ToLower(link), "www.") {
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
	if ip, err := netip.ParseAddr(host); err == nil {
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
