package spell

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"fileinto", "keep", "redirect", "stop"}
	for word, want := range map[string]string{
		"fielinto": "fileinto", "fileito": "fileinto", "keeep": "keep", "kepe": "keep", "sto": "stop",
		"stop": "", "vacation": "", "": "", "x": "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "xabc", 1}, {"kitten", "sitting", 3}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
