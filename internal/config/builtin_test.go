package config

import "testing"

// spamtest reads the score of [learn.builtin] where that is on and nothing else is set.
func TestSpamtestReadsTheScore(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"[learn.builtin]\nscore = true": "X-Spam-Status: score=([0-9.]+)",
		"[learn.builtin]\nscore = true\nscore_header = 'X-A'":                            "X-A: score=([0-9.]+)",
		"[sieve]\nsieve_spamtest_status_header = 'X-B'\n[learn.builtin]\nscore = true\n": "X-B",
	} {
		c, err := Load(machine(write(t, text)))
		if err != nil {
			t.Fatal(err)
		}
		settings := c.SieveSettings()
		if got := settings["sieve_spamtest_status_header"]; got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
		if _, set := settings["sieve_spamtest_max_value"]; set != (want != "" && want != "X-B") {
			t.Errorf("%s: max_value %v", text, set)
		}
	}
}
