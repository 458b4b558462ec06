package sieve

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"dovetail/internal/message"
)

// Rules that are passed over without a look must come out as when each is looked
// at: a trace has them all run.
func TestManyRules(t *testing.T) {
	tests := []struct{ name, rules string }{
		{"one of many", `if address :is "from" "ANNA@example.com" { fileinto "anna"; }`},
		{"parts and comparators", `if address :localpart "from" "anna" { fileinto "l"; }
			if address :domain "from" "anna" { fileinto "d"; }
			if address :comparator "i;octet" "from" "Anna@example.com" { fileinto "o"; }
			if address :comparator "i;octet" "from" "anna@example.com" { fileinto "p"; }`},
		{"several names and keys", `if address ["cc", "to"] "carl@example.net" { fileinto "c"; }
			if address ["to", "cc"] ["x@y", "list@lists.example.org"] { fileinto "l"; }
			if header "subject" ["a", "Grüße aus dem Tal"] { fileinto "s"; }`},
		{"branches", `if address "from" "x@y" { fileinto "a"; } elsif address "from" "anna@example.com" { fileinto "b"; } else { fileinto "c"; }
			if address "from" "x@y" { fileinto "d"; } else { fileinto "e"; }
			if address "from" "x@y" { fileinto "f"; } elsif true { fileinto "g"; }`},
		{"tests of tests", `if not address "from" "x@y" { fileinto "n"; }
			if anyof (address "from" "x@y", address "from" "anna@example.com") { fileinto "o"; }
			if allof (address "from" "x@y", address "from" "anna@example.com") { fileinto "a"; }`},
		{"an edited message", `if header "x-mark" "a" { fileinto "a"; } addheader "X-Mark" "b";
			if header "x-mark" "b" { fileinto "b"; } if header "x-mark" "a" { fileinto "c"; }
			deleteheader "X-Mark"; if header "x-mark" "b" { fileinto "d"; }`},
		{"variables", `set "who" "anna@example.com"; if address "from" "${who}" { fileinto "w"; }
			set "field" "from"; if address "${field}" "anna@example.com" { fileinto "f"; }`},
		{"other fields", `if header :index 1 "x-list" "first" { fileinto "f"; } if header :index 2 "x-list" "second" { fileinto "i"; } if header "x-list" "second" { fileinto "h"; }
			if header :index 1 "x-list" "second" { fileinto "j"; }`},
		{"nothing to compare", `if header "x-none" "" { fileinto "n"; } if header "x-empty" "" { fileinto "e"; } if address "x-original-to" "" { fileinto "o"; }`},
		{"count and value", `if address :count "eq" "to" "2" { fileinto "2"; } if header :value "eq" "x-list" "first" { fileinto "v"; }`},
	}
	e := newEngine(t, Options{Extensions: "+editheader"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(`require ["fileinto", "editheader", "variables", "index", "relational"];` + "\n")
			for i := range 50 {
				fmt.Fprintf(&b, "if header \"subject\" \"none %d\" { fileinto \"none\"; }\n", i)
			}
			p := compile(t, e, "s", b.String()+tt.rules)
			msg := message.Parse([]byte("X-List: first\nX-List: second\nX-Mark: a\nX-Empty:\nX-Original-To:\n" + siteMessage))
			env := testEnv()
			got := show(p.Run(context.Background(), msg, env))
			env.Trace = func(Event) {}
			want := show(p.Run(context.Background(), msg, env))
			if got != want || !strings.Contains(got, "store ") {
				t.Errorf("got %q, with a trace %q", got, want)
			}
		})
	}
}
