package opinion

import (
	"fmt"
	"strings"
)

// matching is how a test compares: the tags for it, and the keys.
type matching struct {
	tags []string
	keys string
}

// matching makes a match type, a comparator and keys for a value.
func (g *generator) matching(value string) matching {
	var m matching
	var keys []string
	relation := func() string { return quote(pick(g.random, "gt", "ge", "lt", "le", "eq", "ne")) }
	each := func(f func(string) string) {
		for range 1 + g.IntN(2) {
			keys = append(keys, f(value))
		}
	}
	plain := "" // the comparator, where not one for substrings is needed
	m.tags = append(m.tags, g.choose(
		choice{20, "", func() string { each(g.near); plain = "any"; return ":is" }},
		choice{10, "", func() string { each(g.near); plain = "any"; return "" }},
		choice{20, "", func() string { each(g.piece); return ":contains" }},
		choice{30, "", func() string { each(g.pattern); return ":matches" }},
		choice{g.unlessSafe(20), "regex", func() string { each(g.expression); return ":regex" }},
		choice{8, "relational", func() string {
			keys, plain = []string{pick(g.random, "0", "1", "2", "3", "01", "x")}, "count"
			return ":count " + relation()
		}},
		choice{12, "relational", func() string {
			plain = "any"
			each(func(v string) string { return pick(g.random, g.near(v), number(g.random)) })
			return ":value " + relation()
		}},
	))
	m.tags = append(m.tags, g.comparator(plain))
	if plain == "any" && strings.Contains(m.tags[1], "numeric") && !g.one(3) {
		keys = []string{number(g.random)}
	}
	m.keys = g.list(keys)
	return m
}

// unlessSafe is the weight of what is frequently known to differ.
func (g *generator) unlessSafe(weight int) int {
	if g.safe {
		return 0
	}
	return weight
}

func (g *generator) comparator(plain string) string {
	if plain != "" && g.caps["comparator-i;ascii-numeric"] && (g.one(4) || plain == "count" && !g.one(6)) {
		g.need("comparator-i;ascii-numeric")
		return `:comparator "i;ascii-numeric"`
	}
	switch g.IntN(5) {
	case 0:
		return `:comparator "i;octet"`
	case 1:
		return `:comparator "i;ascii-casemap"`
	}
	return ""
}

// call writes a test: its name, the tags in any order, the arguments.
func (g *generator) call(name string, tags []string, args ...string) string {
	g.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
	var words []string
	for _, w := range append(append([]string{g.cased(name)}, tags...), args...) {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// test makes a test, of others up to some depth.
func (g *generator) test(depth int) string {
	if depth > 0 && g.one(4) {
		switch g.IntN(3) {
		case 0:
			return "not " + g.test(depth-1)
		default:
			var tests []string
			for range 1 + g.IntN(3) {
				tests = append(tests, g.test(depth-1))
			}
			return pick(g.random, "allof", "anyof") + " (" + strings.Join(tests, ", ") + ")"
		}
	}
	return g.choose(
		choice{30, "", g.headerTest},
		choice{25, "", g.addressTest},
		choice{6, "", g.existsTest},
		choice{4, "", g.sizeTest},
		choice{2, "", func() string { return pick(g.random, "true", "false") }},
		choice{10, "envelope", g.envelopeTest},
		choice{12, "variables", g.stringTest},
		choice{8, "imap4flags", g.hasflagTest},
		choice{10, "date", g.dateTest},
		choice{1, "date", g.currentDateTest},
		choice{10, "body", g.bodyTest},
		choice{3, "environment", g.environmentTest},
		choice{1, "mailbox", func() string { return "mailboxexists " + g.list([]string{pick(g.random, "INBOX", "inbox")}) }},
		choice{2, "enotify", g.notifyTest},
		choice{1, "ihave", func() string { return "ihave " + pick(g.random, `"fileinto"`, `"nonsense"`, `["copy", "envelope"]`) }},
		choice{4, "mime", g.mimeTest},
	)
}

// headerNames gives names of header fields, some of them not in the message.
func (g *generator) headerNames(from []string) []string {
	names := some(g.random, 2, from)
	for i, n := range names {
		names[i] = g.cased(n)
	}
	return names
}

// indexed gives the tags of index, mostly none.
func (g *generator) indexed() []string {
	if !g.caps["index"] || !g.one(8) {
		return nil
	}
	g.need("index")
	tags := []string{":index " + pick(g.random, "1", "2", "3")} // not where :count is
	if g.one(3) {
		tags = append(tags, ":last")
	}
	return tags
}

func (g *generator) headerTest() string {
	names := g.headerNames(textNames)
	if g.one(4) {
		names = []string{strings.TrimSpace(pick(g.random, g.mail.fields...).name)}
	}
	if g.one(40) {
		names = append(names, pick(g.random, "X Y", "", "From:", "ü"))
	}
	m := g.matching(g.mail.value(g.random, names...))
	return g.call("header", append(m.tags, g.indexed()...), g.list(names), m.keys)
}

// addressPart gives the tag for a part of addresses, and that part of one.
func (g *generator) addressPart(address string) (tag, value string) {
	local, domain, _ := strings.Cut(address, "@")
	user, detail, _ := strings.Cut(local, "+")
	tag = g.choose(
		choice{3, "", func() string { value = address; return "" }},
		choice{2, "", func() string { value = address; return ":all" }},
		choice{3, "", func() string { value = local; return ":localpart" }},
		choice{3, "", func() string { value = domain; return ":domain" }},
		choice{2, "subaddress", func() string { value = user; return ":user" }},
		choice{2, "subaddress", func() string { value = detail; return ":detail" }},
	)
	return tag, value
}

func (g *generator) addressTest() string {
	names := g.headerNames(addressNames)
	tag, value := g.addressPart(g.mail.value(g.random, names...))
	m := g.matching(value)
	return g.call("address", append(append(m.tags, tag), g.indexed()...), g.list(names), m.keys)
}

func (g *generator) existsTest() string {
	f := pick(g.random, g.mail.fields...)
	names := []string{g.cased(strings.TrimSpace(f.name))}
	if g.one(3) {
		names = append(names, pick(g.random, textNames...))
	}
	return "exists " + g.list(names)
}

// sizeTest compares with the exact size only where line ends are CRLF: see the
// difference "line ends of a stored message".
func (g *generator) sizeTest() string {
	number := pick(g.random, "0", "1", "20K", "1M", "2g")
	if g.mail.crlf {
		number = fmt.Sprint(len(g.mail.bytes()) - 1 + g.IntN(3))
	}
	return g.call("size", nil, pick(g.random, ":over", ":under"), number)
}

func (g *generator) envelopeTest() string {
	tag, value := g.addressPart(pick(g.random, g.mail.envelope.From, g.mail.envelope.To))
	m := g.matching(value)
	return g.call("envelope", append(m.tags, tag), g.list(g.headerNames([]string{"from", "to"})), m.keys)
}

func (g *generator) stringTest() string {
	v := pick(g.random, g.vars...)
	source := pick(g.random, "${"+v.name+"}", "${"+v.name+"}", "${1}", "${0}", "x${"+v.name+"}${"+v.name+"}", "${unset}", "", "${va.x", "$${va}", "${va }", "${2}${1}")
	value := strings.NewReplacer("${"+v.name+"}", v.value).Replace(source)
	m := g.matching(value)
	sources := []string{quote(source)}
	if g.one(4) {
		sources = append(sources, quote("${vb}"))
	}
	return g.call("string", m.tags, "["+strings.Join(sources, ", ")+"]", m.keys)
}

var flagNames = []string{`\Seen`, `\flagged`, `\Answered`, `\Deleted`, `\Draft`, "$label1", "Junk", "NonJunk"}

// flags gives a string list of flags.
func (g *generator) flags() string {
	flags := some(g.random, 3, flagNames)
	if g.one(5) {
		flags = []string{strings.Join(flags, pick(g.random, " ", "  "))}
	}
	for i := range flags {
		flags[i] = g.cased(flags[i])
	}
	if g.one(15) {
		flags = append(flags, pick(g.random, `\Recent`, `\nonsense`, "a(b", "", " ", "x%", "ü", `"`))
	}
	return g.list(flags)
}

func (g *generator) hasflagTest() string {
	m := g.matching(pick(g.random, flagNames...))
	variable := ""
	if g.needs["variables"] && g.one(4) {
		variable = pick(g.random, `"va"`, `["va", "vf"]`, `"vf"`)
	}
	if g.one(2) {
		return g.call("hasflag", nil, variable, g.flags())
	}
	return g.call("hasflag", m.tags, variable, m.keys)
}

var dateParts = []string{"year", "month", "day", "date", "julian", "hour", "minute", "second", "time", "iso8601", "std11", "zone", "weekday"}

func (g *generator) dateTest() string {
	part := pick(g.random, dateParts...)
	m := g.matching(pick(g.random, "2026", "11", "21", "2026-11-21", "61366", "10:11:12", "2026-11-21T10:11:12+00:00", "Sat, 21 Nov 2026 10:11:12 +0000", "+0000", "6", "1", "0"))
	tags := m.tags
	switch g.IntN(4) {
	case 0:
		tags = append(tags, ":originalzone")
	default: // the zone of the machine is not the question here
		tags = append(tags, `:zone "`+pick(g.random, "+0000", "-0800", "+0530", "+1400", "-0030")+`"`)
	}
	return g.call("date", append(tags, g.indexed()...), g.str(pick(g.random, dateNames...)), quote(g.cased(part)), m.keys)
}

func (g *generator) currentDateTest() string {
	tags := []string{`:zone "+0000"`, ":matches"}
	return g.call("currentdate", tags, quote(pick(g.random, "year", "zone", "month")), pick(g.random, `"20??"`, `"+0000"`, `"??"`, `"x*"`))
}

// bodyTest looks into the body, over line ends only where these are CRLF: see the
// difference "line ends of a stored message".
func (g *generator) bodyTest() string {
	if !g.mail.crlf {
		line, _, _ := strings.Cut(g.piece(g.mail.body), "\n")
		return g.call("body", []string{pick(g.random, ":raw", ":text"), ":contains"}, g.list([]string{line + pick(g.random, words[:3]...)}))
	}
	m := g.matching(g.piece(g.mail.body))
	if g.mail.body != "" && g.one(3) {
		return g.call("body", append(m.tags, ":raw"), m.keys)
	}
	tag := pick(g.random, ":text", ":text", "", `:content "text"`, `:content "text/html"`, `:content ""`, `:content ["text/plain", "multipart"]`)
	return g.call("body", append(m.tags, tag), m.keys)
}

func (g *generator) environmentTest() string {
	item := pick(g.random, "location", "phase", "nonsense", "name")
	m := g.matching(pick(g.random, "MS", "post", "Pigeonhole Sieve"))
	return g.call("environment", m.tags, quote(item), m.keys)
}

func (g *generator) notifyTest() string {
	if g.one(2) {
		return "valid_notify_method " + g.list([]string{pick(g.random, "mailto:a@example.com", "mailto:a", "xmpp:a@b", "mailto:a@example.com?subject=x", "mailto:")})
	}
	m := g.matching(pick(g.random, "maybe", "no", "yes"))
	return g.call("notify_method_capability", m.tags, `"mailto:a@example.com"`, pick(g.random, `"online"`, `"Online"`, `"x"`), m.keys)
}

func (g *generator) mimeTest() string {
	m := g.matching(pick(g.random, "text", "plain", "text/plain", "multipart", "utf-8", "frontier"))
	option := pick(g.random, ":type", ":subtype", ":contenttype", `:param "charset"`, `:param ["boundary", "charset"]`)
	tags := append(m.tags, ":mime", option)
	if g.one(2) {
		tags = append(tags, ":anychild")
	}
	return g.call("header", tags, quote("Content-Type"), m.keys)
}
