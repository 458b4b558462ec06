package opinion

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// difference is a class of differences that is known and explained in
// docs/differences.md under its name.
type difference struct {
	name string
	// is recognises a disagreement of the class.
	is func(*disagreement) bool
	// script and message are an example: plainMessage when empty.
	script, message string
}

// example gives the message of the example.
func (k difference) example() *mail { return parseMail(cmp.Or(k.message, plainMessage)) }

// recognise names the class of a disagreement, "" when it has none.
func recognise(list []difference, d *disagreement) string {
	for _, k := range list {
		if k.is(d) {
			return k.name
		}
	}
	return ""
}

var (
	// A quoted string with both wildcards.
	bothWildcards   = regexp.MustCompile(`(?i)"[^"]*(\?|3f)[^"]*(\*|2a)|"[^"]*(\*|2a)[^"]*(\?|3f)`)
	bodyTest        = regexp.MustCompile(`(?i)\bbody\b`)
	addressTest     = regexp.MustCompile(`(?i)\baddress\b`)
	hasflagTest     = regexp.MustCompile(`(?i)\bhasflag\b`)
	deleteCount     = regexp.MustCompile(`(?i)\bdeleteheader (?:[^;"]|"[^"]*")*:count`)
	dateIndex       = regexp.MustCompile(`(?i)\bdate [^\n]*:index`)
	sizeTest        = regexp.MustCompile(`(?i)\bsize\b`)
	partial         = regexp.MustCompile(`:contains|:matches|:value|:regex|numeric`)
	lineEnd         = regexp.MustCompile(`\n`)
	edits           = regexp.MustCompile(`(?i)\b(add|delete)header\b`)
	unknownEncoding = regexp.MustCompile(`\?=\s+=\?`)
	foldedAtStart   = regexp.MustCompile(`^ *\n`)
)

// plainMessage is the message of most examples.
const plainMessage = "From: anna@example.com\nTo: bert@example.org\nSubject: hello\n\nbody\n"

var pigeonholeDifferences = []difference{
	{
		name: "crash in :matches", script: `if header :matches "subject" "*\\" { discard; }`,
		is: func(d *disagreement) bool {
			return d.other.failed == "crash" && d.has(":matches") && (d.has(`\\`) || strings.Contains(d.other.said, "mcht-matches.c"))
		},
	},
	{
		name:   "crash in deleteheader with :count",
		script: `require ["editheader", "relational"]; deleteheader :count "ge" "Subject" "1";`,
		is: func(d *disagreement) bool {
			return d.other.failed == "crash" && deleteCount.MatchString(d.script)
		},
	},
	{
		name: "? beside *", script: `if header :matches :comparator "i;octet" "subject" "?US***" { discard; }`, message: "Subject: lus@exam\n\n",
		is: func(d *disagreement) bool {
			return d.has(":matches") && bothWildcards.MatchString(d.script)
		},
	},
	{
		name: "regular expressions on characters", script: `require "regex"; if header :regex "subject" "^gr.n$" { discard; }`,
		message: "Subject: grün\n\n",
		is: func(d *disagreement) bool {
			return d.has(":regex") && !isASCII(d.script+string(d.mail.bytes()))
		},
	},
	{
		name: ":raw of an empty body", script: `require "body"; if body :raw :is "" { discard; }`, message: "Subject: x\n\n",
		is: func(d *disagreement) bool {
			return d.mail.body == "" && bodyTest.MatchString(d.script) && d.has(":raw")
		},
	},
	{
		name:   "body :raw of an edited message",
		script: `require ["body", "editheader"]; deleteheader "Subject"; if body :raw :contains "body" { discard; }`,
		is: func(d *disagreement) bool {
			return bodyTest.MatchString(d.script) && d.has(":raw") && edits.MatchString(d.script)
		},
	},
	{
		name:    "parts with a broken encoding",
		script:  `require "body"; if body :text :is "" { discard; }`,
		message: "MIME-Version: 1.0\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n<p>hello</p>\n",
		is: func(d *disagreement) bool {
			return bodyTest.MatchString(d.script) && strings.Contains(string(d.mail.bytes()), "Content-Transfer-Encoding: base64")
		},
	},
	{
		name:   "crash of hasflag without arguments",
		script: `require "imap4flags"; if hasflag { discard; }`,
		is: func(d *disagreement) bool {
			return d.other.failed == "crash" && strings.Contains(d.ours.said, "the hasflag test requires")
		},
	},
	{
		name:   "header edits of no name",
		script: `require "editheader"; deleteheader "";`,
		is: func(d *disagreement) bool {
			return d.ours.failed == "compile" && (strings.Contains(d.ours.said, "header command: specified field name `' is invalid") ||
				strings.Contains(d.ours.said, "the deleteheader command expects a string as argument 1 (field-name)"))
		},
	},
	{
		name:    "white space before what is no encoded word",
		script:  `if header :is "subject" "a =?utf-8?x?abc?=" { discard; }`,
		message: "Subject: =?utf-8?q?a?= =?utf-8?x?abc?=\n\n",
		is:      func(d *disagreement) bool { return d.field(nil, unknownEncoding) },
	},
	{
		name:   "line ends of a stored message",
		script: `if size :over 68 { discard; }`,
		is: func(d *disagreement) bool {
			return !d.mail.crlf && (bodyTest.MatchString(d.script) || sizeTest.MatchString(d.script))
		},
	},
	{
		name:   "number of fields with :index",
		script: `require ["index", "relational"]; if header :index 1 :count "eq" "subject" "1" { discard; }`,
		is:     func(d *disagreement) bool { return d.has(":index") && d.has(":count") },
	},
	{
		name:   "names given twice with :index",
		script: `require "index"; if header :index 2 "subject" "hello" { stop; } if header :index 2 ["subject", "Subject"] "hello" { discard; }`,
		is:     func(d *disagreement) bool { return d.has(":index") && d.has(`"subject", "Subject"`) },
	},
	{
		name:    "date with :index and a zone",
		script:  `require ["date", "index"]; if date :index 2 :zone "+0000" "date" "year" "2026" { discard; }`,
		message: "Date: Sat, 21 Nov 2026 10:11:12 +0000\n\n",
		is:      func(d *disagreement) bool { return dateIndex.MatchString(d.script) },
	},
	{
		name: "white space before a folded value", script: `if header "subject" "hello" { discard; }`, message: "Subject: \n hello\n\n",
		is: func(d *disagreement) bool { return d.field(nil, foldedAtStart) },
	},
	{
		name: "addresses that are none, folded or edited", script: `if address :all "to" "<anna>" { discard; }`, message: "To: \n <anna>\n\n",
		is: func(d *disagreement) bool {
			return addressTest.MatchString(d.script) && (d.field(addressNames, lineEnd) || edits.MatchString(d.script))
		},
	},
	{
		name:    "parameters that are not there",
		script:  `require "mime"; if header :mime :param "charset" :contains "content-type" "" { discard; }`,
		message: "MIME-Version: 1.0\nContent-Type: text/plain\n\n",
		is:      func(d *disagreement) bool { return d.has(":mime") && d.has(":param") },
	},
	{
		name:   "parts of system flags in hasflag",
		script: `require "imap4flags"; setflag "\\flagged"; if hasflag :contains "\\fl" { discard; }`,
		is: func(d *disagreement) bool {
			return hasflagTest.MatchString(d.script) && partial.MatchString(d.script) && d.has(`\\`)
		},
	},
	{
		name:   "flags that are none",
		script: `require ["imap4flags", "fileinto"]; fileinto :flags "a(b" "Work";`,
		is:     func(d *disagreement) bool { return d.equalAfter(validFlags) },
	},
	{
		name: "references that are errors", script: `require ["variables", "fileinto"]; fileinto "${none.x}";`,
		is: func(d *disagreement) bool {
			return d.ours.failed == "compile" && d.other.failed == "" && strings.Contains(d.ours.said, "unknown variable namespace")
		},
	},
	{
		name: "back references", script: `require "regex"; if header :regex "subject" "(a)\\1" { discard; }`,
		is: func(d *disagreement) bool {
			return d.ours.failed == "compile" && strings.Contains(d.ours.said, "back references are not supported")
		},
	},
	{
		name:   "mailbox without a name",
		script: `require ["fileinto", "variables"]; fileinto "${nothing}";`,
		is: func(d *disagreement) bool {
			return d.ours.failed == "run" && strings.HasSuffix(d.ours.said, "the folder name is empty")
		},
	},
	{
		name:   ":copy and not, of one place",
		script: `require ["fileinto", "copy"]; fileinto :copy "Work"; fileinto "Work";`,
		is: func(d *disagreement) bool {
			return d.equalAfter(func(line string) string {
				if strings.HasPrefix(line, "keep") {
					return ""
				}
				return strings.TrimSuffix(validFlags(strings.TrimSuffix(line, " :copy")), " ")
			})
		},
	},
	{
		name:   "names of environment items",
		script: `require "environment"; if environment "LOCATION" "MS" { discard; }`,
		is:     func(d *disagreement) bool { return d.has(`environment "LOCATION"`) },
	},
}

// validFlags leaves out of a line the keywords that IMAP does not allow (RFC 3501
// section 9, flag-keyword): those with specials or 8-bit characters.
func validFlags(line string) string {
	quoted, err := strconv.QuotedPrefix(strings.TrimPrefix(line, "store "))
	if err != nil {
		return line
	}
	head := "store " + quoted
	words := slices.DeleteFunc(strings.Fields(line[len(head):]), func(w string) bool {
		return strings.ContainsAny(w, `(){%*"]?`) || !isASCII(w) || strings.Contains(w[1:], `\`)
	})
	return head + " " + strings.Join(words, " ")
}

// has tells whether the script has a word.
func (d *disagreement) has(word string) bool { return strings.Contains(d.script, word) }

// field tells whether a field of the names (nil: any) has a text like that.
func (d *disagreement) field(names []string, text *regexp.Regexp) bool {
	return slices.ContainsFunc(d.mail.fields, func(f field) bool {
		return (names == nil || slices.ContainsFunc(names, func(n string) bool {
			return strings.EqualFold(n, strings.TrimSpace(f.name))
		})) && text.MatchString(f.text)
	})
}

// equalAfter tells whether the outcomes are equal once their lines are edited.
func (d disagreement) equalAfter(edit func(string) string) bool {
	edited := func(o outcome) outcome {
		lines := make([]string, len(o.actions))
		for i, l := range o.actions {
			lines[i] = edit(l)
		}
		o.actions, o.keep = lines, edit(o.keep)
		return o
	}
	return edited(d.ours).equal(edited(d.other))
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7f }) < 0
}
