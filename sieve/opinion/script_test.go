package opinion

import (
	"fmt"
	"strings"
)

// newScript makes a whole script about a message: commands with actions and
// control flow, and in the end rules that show variables, flags and header.
func newScript(r random, caps map[string]bool) (string, *mail) {
	g := newGenerator(r, caps)
	g.safe = true // in a long script too much would pass for a known difference
	g.need("variables")
	body := g.presets() + g.commands(2)
	if g.caps["enotify"] && g.caps["fileinto"] && g.one(2) {
		body += g.shows()
	}
	return g.require() + body, g.mail
}

// commands makes a few of them.
func (g *generator) commands(depth int) string {
	var b strings.Builder
	for range 1 + g.IntN(3) {
		b.WriteString(g.command(depth))
	}
	return b.String()
}

func (g *generator) command(depth int) string {
	if depth > 0 && g.one(2) {
		return g.conditional(depth - 1)
	}
	return g.choose(
		choice{10, "", func() string { return "keep" + g.flagged() + ";\n" }},
		choice{20, "fileinto", g.fileinto},
		choice{4, "", func() string { return "discard;\n" }},
		choice{8, "", g.redirect},
		choice{3, "reject", func() string { return "reject " + g.str("no, "+pick(g.random, words[:6]...)) + ";\n" }},
		choice{3, "", func() string { return "stop;\n" }},
		choice{20, "variables", g.set},
		choice{15, "imap4flags", g.flagCommand},
		choice{8, "editheader", g.edit},
		choice{3, "enotify", func() string {
			return `notify :message "x" ` + pick(g.random, `"mailto:a@example.com"`, `"mailto:b@example.com?subject=y"`) + ";\n"
		}},
		choice{2, "vacation", func() string {
			return "vacation " + pick(g.random, "", ":days 3 ", `:subject "away" `, `:handle "h" `) + `"I am away";` + "\n"
		}},
	)
}

// conditional makes if with any number of branches.
func (g *generator) conditional(depth int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "if %s {\n%s}", g.test(1), g.commands(depth))
	for range g.IntN(3) {
		fmt.Fprintf(&b, " elsif %s {\n%s}", g.test(1), g.commands(depth))
	}
	if g.one(2) {
		fmt.Fprintf(&b, " else {\n%s}", g.commands(depth))
	}
	b.WriteString("\n")
	return b.String()
}

// flagged makes the tag :flags, mostly not.
func (g *generator) flagged() string {
	if !g.caps["imap4flags"] || !g.one(3) {
		return ""
	}
	g.need("imap4flags")
	return " :flags " + g.flags()
}

// copied makes the tag :copy, mostly not.
func (g *generator) copied() string {
	if !g.caps["copy"] || !g.one(3) {
		return ""
	}
	g.need("copy")
	return " :copy"
}

func (g *generator) fileinto() string {
	tags := g.flagged() + g.copied()
	if g.caps["mailbox"] && g.one(6) {
		g.need("mailbox")
		tags += " :create"
	}
	box := pick(g.random, "Work", "work", "Work/Sub", "Grüße", "INBOX", "inbox", "a b", "${va}x", "${1}x", "Trash.2026")
	if g.one(60) {
		box = "${1}"
	}
	return "fileinto" + tags + " " + quote(box) + ";\n"
}

func (g *generator) redirect() string {
	to := pick(g.random, "a@example.com", "A@example.com", "b@example.com", "Anna <a@example.com>", "<c@example.com>", "d+${va}@example.com", "\\\"a b\\\"@example.com")
	return "redirect" + g.copied() + ` "` + to + "\";\n"
}

var modifiers = []string{":lower", ":upper", ":lowerfirst", ":upperfirst", ":quotewildcard", ":length"}

func (g *generator) set() string {
	tags := ""
	if g.one(2) {
		tags = " " + strings.Join(compatible(g.random), " ")
	}
	if g.caps["enotify"] && g.one(8) {
		g.need("enotify")
		tags += " :encodeurl"
	}
	value := pick(g.random, "${1}", "${2}${1}", "x${va}y", "${0}", "ÄB${vb}", "*?\\\\", "${vf} ${vc}", "", "${nosuch}", "${va${vb}", "a${1")
	return "set" + tags + ` "` + pick(g.random, "va", "vb", "VC") + `" "` + value + "\";\n"
}

// compatible gives modifiers that may stand together: those of one precedence
// exclude each other (RFC 5229 section 4.1).
func compatible(r random) []string {
	precedence := map[string]int{":lower": 40, ":upper": 40, ":lowerfirst": 30, ":upperfirst": 30, ":quotewildcard": 20, ":length": 10}
	taken := map[int]bool{}
	var list []string
	for _, m := range some(r, 3, modifiers) {
		if !taken[precedence[m]] {
			taken[precedence[m]] = true
			list = append(list, m)
		}
	}
	return list
}

func (g *generator) flagCommand() string {
	variable := ""
	if g.one(4) {
		variable = `"vf" `
	}
	return pick(g.random, "setflag", "addflag", "removeflag") + " " + variable + g.flags() + ";\n"
}

// shows makes commands that show what the script has left.
func (g *generator) shows() string {
	g.need("fileinto", "enotify", "variables")
	var b strings.Builder
	fmt.Fprintf(&b, "set :encodeurl \"m\" \"${va}|${vb}|${vc}|${vf}|${1}|${2}\"; fileinto \"variables ${m}\";\n")
	for _, name := range []string{"Subject", "X-New", "X-Tag"} {
		fmt.Fprintf(&b, "if header :matches %[1]q \"*\" { set :encodeurl \"m\" \"${1}\"; fileinto \"%[1]s ${m}\"; }\n", name)
	}
	return b.String()
}

// edit makes a command of editheader.
func (g *generator) edit() string {
	g.need("editheader")
	name := pick(g.random, append([]string{"X-New", "Subject", "To"}, textNames...)...)
	if g.one(2) {
		last := ""
		if g.one(3) {
			last = ":last "
		}
		value := pick(g.random, strings.ToValidUTF8(g.mail.value(g.random), ""), "new value", "ü", "")
		return "addheader " + last + quote(name) + " " + g.str(value) + ";\n"
	}
	var tags []string
	if g.one(3) {
		tags = append(tags, ":index "+pick(g.random, "1", "2"))
		if g.one(2) {
			tags = append(tags, ":last")
		}
	}
	if g.one(2) {
		return g.call("deleteheader", tags, quote(name)) + ";\n"
	}
	m := g.matching(g.mail.value(g.random, name))
	return g.call("deleteheader", append(m.tags, tags...), quote(name), m.keys) + ";\n"
}
