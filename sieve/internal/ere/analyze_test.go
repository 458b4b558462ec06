package ere

import "testing"

func TestNeverAndAlways(t *testing.T) {
	for expr, want := range map[string]string{
		"a^b": "never", "a$b": "never", "x^": "never", "$x": "never", "(a|b)^": "never", "a(^|^b)c": "never", "a+^b*": "never", "(a^){2}": "never",
		"a*": "always", ".*": "always", "^": "always", "$": "always", "^.*$": "always", "a?": "always", "(x|)": "always", "()": "always", "": "always",
		"^a": "", "a$": "", "^$": "", "a*^b": "", "a$b*": "", "(a^)?b": "", "(^a|b)c": "", ".": "", "^[^@]*$": "", "[a-z]": "", "^.{0,50}$": "", "a{0}b": "",
		"a|b^c": "", "(^|,)x": "",
		"a**b(": "", // what is no expression is another rule's business
	} {
		got := ""
		switch {
		case Never(expr):
			got = "never"
		case Always(expr):
			got = "always"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", expr, got, want)
		}
	}
}
