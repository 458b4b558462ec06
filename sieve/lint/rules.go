package lint

import (
	"fmt"
	"slices"
	"strings"

	"dovetail/internal/spell"
	"dovetail/sieve/internal/ere"
	"dovetail/sieve/internal/syntax"
)

// rule is one thing that bites users. Exactly one of its functions is set.
type rule struct {
	name string
	what string // for the documentation
	// use looks at one command or test; up are the commands around it, outermost first.
	use func(p *pass, name string, u *use, up []*syntax.Node)
	// block looks at the commands of a block, or of the script.
	block func(p *pass, name string, block []*syntax.Node)
	// script looks at the whole of a script that compiles.
	script func(p *pass, name string)
}

var rules = []rule{
	{name: "pipe-without-try", what: "pipe without :try in a delivery script", use: pipeWithoutTry},
	{name: "missing-mailbox", what: "fileinto into a mailbox that the user does not have", use: missingMailbox},
	{name: "constant-test", what: "a test with the same value for every message", use: constantTest},
	{name: "regex-never", what: "a regular expression that matches nothing", use: regexNever},
	{name: "regex-always", what: "a regular expression that matches everything", use: regexAlways},
	{name: "lost-backslash", what: `"\." in a pattern, which is "."`, use: lostBackslash},
	{name: "address-part", what: "a part of an address compared with a whole address", use: addressPart},
	{name: "unreachable", what: "commands behind one that ends the script", block: unreachable},
	{name: "repeated-test", what: "an elsif whose test was false already", block: repeatedTest},
	{name: "useless-discard", what: "discard beside a command that stores the message", block: uselessDiscard},
	{name: "global-variable", what: "a global variable that scripts do not share", script: globalVariable},
	{name: "unused-require", what: "a capability that is required and not used", script: unusedRequire},
}

// apply applies all rules; those on whole scripts to one that compiles.
func (p *pass) apply(compiles bool) {
	p.applyTo(p.tree, nil)
	for _, r := range rules {
		if r.script != nil && compiles {
			r.script(p, r.name)
		}
	}
}

func (p *pass) applyTo(block []*syntax.Node, up []*syntax.Node) {
	for _, r := range rules {
		if r.block != nil {
			r.block(p, r.name, block)
		}
	}
	p.applyUses(block, up)
	for _, n := range block {
		if n.HasBlock {
			p.applyTo(n.Block, append(slices.Clip(up), n))
		}
	}
}

func (p *pass) applyUses(list []*syntax.Node, up []*syntax.Node) {
	u := &p.sorted // one for all, since most nodes are of no interest to any rule
	for _, n := range list {
		p.sort(u, n)
		for _, r := range rules {
			if r.use != nil {
				r.use(p, r.name, u, up)
			}
		}
		if len(n.Tests) > 0 {
			p.applyUses(n.Tests, append(slices.Clip(up), n))
		}
	}
}

func pipeWithoutTry(p *pass, name string, u *use, _ []*syntax.Node) {
	if u.Name != "pipe" || u.IsTest || u.has("try") || p.family.requires("imapsieve", "vnd.dovecot.imapsieve") {
		return
	}
	text := "pipe without :try: when the program fails, the message ends up in INBOX"
	if u.has("copy") {
		text = "pipe without :try: when the program fails, the delivery counts as failed, and Pigeonhole stores another copy in INBOX"
	}
	p.warn(name, u.Pos, text, "pipe :try, or execute :pipe where only the program's work matters")
}

func missingMailbox(p *pass, name string, u *use, up []*syntax.Node) {
	if p.options.Mailboxes == nil || u.Name != "fileinto" || u.has("create") || len(u.last()) != 1 {
		return
	}
	folder := u.last()[0]
	known := slices.ContainsFunc(p.options.Mailboxes, func(m string) bool {
		return m == folder.Str || strings.EqualFold(m, "INBOX") && strings.EqualFold(folder.Str, "INBOX")
	})
	if known || !p.constant(folder.Str) || asksFor(up, folder.Str) {
		return
	}
	text := fmt.Sprintf("mailbox %q does not exist: the message would be stored in INBOX", folder.Str)
	if p.options.AutoCreate {
		text = fmt.Sprintf("mailbox %q does not exist: the first message will make it", folder.Str)
	}
	hint := ""
	if best := spell.Nearest(folder.Str, p.options.Mailboxes); best != "" {
		hint = fmt.Sprintf("did you mean %q?", best)
	}
	p.warn(name, folder.Pos, text, hint)
}

// asksFor tells whether one of the tests around asks whether a mailbox exists.
func asksFor(up []*syntax.Node, mailbox string) bool {
	for _, n := range up {
		for t := range nodes(n.Tests) {
			for _, a := range t.Args {
				if t.Name == "mailboxexists" && slices.ContainsFunc(stringsOf(a), func(s syntax.Arg) bool { return s.Str == mailbox }) {
					return true
				}
			}
		}
	}
	return false
}

func constantTest(p *pass, name string, u *use, _ []*syntax.Node) {
	if u.Name != "if" && u.Name != "elsif" || len(u.Tests) != 1 {
		return
	}
	switch value, known := truth(u.Tests[0]); {
	case known && value:
		p.warn(name, u.Tests[0].Pos, "this test is true for every message", "")
	case known:
		p.warn(name, u.Tests[0].Pos, "this test is false for every message: the block is never run", "")
	}
}

// patterns gives the constant keys of a test with a match type.
func (p *pass) patterns(u *use, tags ...string) []syntax.Arg {
	if !slices.ContainsFunc(tags, u.has) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(u.last()), func(a syntax.Arg) bool { return !p.constant(a.Str) })
}

func regexNever(p *pass, name string, u *use, _ []*syntax.Node) {
	for _, key := range p.patterns(u, "regex") {
		if ere.Never(key.Str) {
			p.warn(name, key.Pos, fmt.Sprintf("the regular expression %q matches nothing: something would have to be before ^ or behind $", key.Str), `for these characters themselves write \\^ and \\$`)
		}
	}
}

func regexAlways(p *pass, name string, u *use, _ []*syntax.Node) {
	for _, key := range p.patterns(u, "regex") {
		if ere.Always(key.Str) && !(p.requires("variables") && strings.Contains(key.Str, "(")) {
			p.warn(name, key.Pos, fmt.Sprintf("the regular expression %q matches every value", key.Str), "exists tells whether there is such a header field")
		}
	}
}

// lostBackslash finds what the quoting of strings has taken away (RFC 5228
// section 2.4.2): it is in the text of the script alone.
func lostBackslash(p *pass, name string, u *use, _ []*syntax.Node) {
	for _, key := range p.patterns(u, "regex", "matches") {
		if c := p.lost(key.Pos); c != "" {
			p.warn(name, key.Pos, fmt.Sprintf(`the backslash before %q is lost in a quoted string`, c), fmt.Sprintf(`write \\%s`, c))
			return // one is enough to say it
		}
	}
}

// lost gives the first character that has a backslash which means nothing to the
// string at pos.
func (p *pass) lost(pos syntax.Pos) string {
	if pos.Line > len(p.lines) || pos.Col > len(p.lines[pos.Line-1]) {
		return ""
	}
	text := p.src[p.starts[pos.Line-1]+pos.Col-1:]
	if text[0] != '"' {
		return ""
	}
	for i := 1; i+1 < len(text) && text[i] != '"'; i++ {
		if text[i] != '\\' {
			continue
		}
		if i++; text[i] != '\\' && text[i] != '"' {
			return text[i : i+1]
		}
	}
	return ""
}

func addressPart(p *pass, name string, u *use, _ []*syntax.Node) {
	if u.Name != "address" && u.Name != "envelope" || slices.ContainsFunc([]string{"regex", "count", "value", "list"}, u.has) {
		return
	}
	for _, part := range []string{"localpart", "domain", "user", "detail"} {
		if !u.has(part) {
			continue
		}
		for _, key := range u.last() {
			if strings.Contains(key.Str, "@") && p.constant(key.Str) && !(part != "domain" && strings.Contains(key.Str, `"`)) {
				p.warn(name, key.Pos, fmt.Sprintf(":%s is a part of an address and has no @", part), "without the tag the whole address is compared")
			}
		}
	}
}
