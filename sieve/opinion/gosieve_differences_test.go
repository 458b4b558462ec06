package opinion

import (
	"regexp"
	"strings"
)

// goSieveDifferences are those from github.com/foxcpp/go-sieve.
var goSieveDifferences = []difference{
	{
		name: "pattern that ends in a backslash", script: `if header :matches "subject" "he\\" { discard; }`,
		is: func(d *disagreement) bool { return d.has(":matches") && patternEnd.MatchString(d.script) },
	},
	{
		name: "8-bit characters in patterns", script: `if header :matches "subject" "gr*ß" { discard; }`, message: "Subject: groß\n\n",
		is: func(d *disagreement) bool {
			return d.has(":matches") && eightBit.MatchString(d.script+string(d.mail.bytes()))
		},
	},
	{
		name:   "comparator of the string test",
		script: `require "variables"; if string "A" "a" { discard; }`,
		is:     func(d *disagreement) bool { return stringTest.MatchString(d.script) },
	},
	{
		name:    "numbers of any size",
		script:  `require "comparator-i;ascii-numeric"; if header :comparator "i;ascii-numeric" "subject" "99999999999999999999" { discard; }`,
		message: "Subject: x\n\n",
		is: func(d *disagreement) bool {
			return d.has("numeric") && strings.Contains(d.script+string(d.mail.bytes()), "99999999999")
		},
	},
	{
		name:   "comparing with what is no number",
		script: `require ["relational", "comparator-i;ascii-numeric"]; if header :comparator "i;ascii-numeric" :count "lt" "subject" "x" { discard; }`,
		is:     func(d *disagreement) bool { return d.has(":count") || d.has("numeric") && d.has(":value") },
	},
	{
		name:   ":count with any comparator",
		script: `require "relational"; if header :comparator "i;octet" :count "eq" "subject" "1" { discard; }`,
		is: func(d *disagreement) bool {
			return d.other.failed == "compile" && strings.Contains(d.other.said, "non-numeric comparator")
		},
	},
	{
		name:   "body with :value",
		script: `require ["body", "relational"]; if body :value "gt" "a" { discard; }`,
		is: func(d *disagreement) bool {
			return d.other.failed == "compile" && strings.HasSuffix(d.other.said, "unknown tagged argument: value")
		},
	},
	{
		name:    "nothing as a number",
		script:  `require "comparator-i;ascii-numeric"; if header :comparator "i;ascii-numeric" "subject" "x" { discard; }`,
		message: "Subject: \n\n",
		is:      func(d *disagreement) bool { return d.has("numeric") },
	},
	{
		name:   "variables in names of fields",
		script: `require "variables"; set "va" "M"; if address "fro${va}" "anna@example.com" { discard; }`,
		is:     func(d *disagreement) bool { return variableName.MatchString(d.script) },
	},
	{
		name:   "? and line ends",
		script: `require "body"; if body :raw :matches "body??" { discard; }`,
		is:     func(d *disagreement) bool { return bodyTest.MatchString(d.script) && d.has(":matches") && d.has("?") },
	},
	{
		name:    "text without a character set",
		script:  `require "body"; if body :text :contains "ü" { discard; }`,
		message: "Subject: x\n\nfür\n",
		is:      func(d *disagreement) bool { return bodyTest.MatchString(d.script) && eightBit.MatchString(d.script) },
	},
	{
		name:    "body with a broken encoding",
		script:  `require "body"; if body :content "text" :contains "" { discard; }`,
		message: "MIME-Version: 1.0\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n<p>hello</p>\n",
		is: func(d *disagreement) bool {
			return bodyTest.MatchString(d.script) && strings.Contains(string(d.mail.bytes()), "Content-Transfer-Encoding: base64")
		},
	},
	{
		name: "an empty body", script: `require "body"; if body :text :is "" { discard; }`, message: "Subject: x\n\n",
		is: func(d *disagreement) bool {
			return (d.mail.body == "" || d.has(`""`)) && bodyTest.MatchString(d.script)
		},
	},
	{
		name:   "tests beside a constant",
		script: `require "variables"; if anyof (header :matches "subject" "h*", true) { redirect "${1}@example.com"; }`,
		is:     func(d *disagreement) bool { return constant.MatchString(d.script) },
	},
	{
		name:   "no flag in hasflag",
		script: `require ["imap4flags", "relational"]; setflag "Junk"; if hasflag :value "ge" "" { discard; }`,
		is:     func(d *disagreement) bool { return hasflagTest.MatchString(d.script) && d.has(`""`) },
	},
	{
		name:   "flags that are none",
		script: `require ["imap4flags", "variables"]; set "va" "a(b"; if hasflag "va" "a(b" { discard; }`,
		is: func(d *disagreement) bool {
			return hasflagTest.MatchString(d.script) && (flagVariable.MatchString(d.script) || noFlag.MatchString(d.script))
		},
	},
	{
		name:   "references inside of references",
		script: `require "variables"; set "va" "er"; set "vc" "a"; if address "to" "b${v${vc}}t@example.org" { discard; }`,
		is:     func(d *disagreement) bool { return nested.MatchString(d.script) },
	},
}

var (
	eightBit     = regexp.MustCompile(`[^\x00-\x7f]|\{hex:|\{unicode:|=\?`)
	patternEnd   = regexp.MustCompile(`\\\\"|\\\\\$\{|\{hex:5c\}"|\{unicode:(00)?5[cC]\}"`)
	flagVariable = regexp.MustCompile(`(?i)\bhasflag\b[^\n]* \[?"v[abcf]"`)
	variableName = regexp.MustCompile(`(?is)(address|header|envelope|exists) .*"[A-Za-z-]*\$\{v`)
	noFlag       = regexp.MustCompile(`(?i)\\\\nonsense|\\\\recent|a\(b|x%|ü|"\\""|\$\{`)
	nested       = regexp.MustCompile(`\$\{[^}]*\$\{`)
	stringTest   = regexp.MustCompile(`(?i)\bstring\b`)
	constant     = regexp.MustCompile(`\b(true|false)\b[,)]`)
)
