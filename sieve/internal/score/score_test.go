package score

import (
	"strings"
	"testing"

	"dovetail/internal/message"
)

func TestValue(t *testing.T) {
	m := message.Parse([]byte("X-Score: Yes, score=7.5 required=10\nX-Stars: ****\nX-Word: Spam\nX-Bad: much\nX-Max: 20\nX-Zero: 0\nX-Min: -3\n\n"))
	tests := []struct {
		name     string
		settings map[string]string
		value    int
		percent  int
		err      string
	}{
		{"nothing set", map[string]string{"p_max_value": "3"}, 0, 0, ""},
		{"score", map[string]string{"p_status_header": "X-Score:score=(-?[0-9.]+)", "p_max_value": "10"}, 7, 75, ""},
		{"2.4's name", map[string]string{"p_status_header": "X-Score: score=(-?[0-9.]+)", "p_score_max_value": "10"}, 7, 75, ""},
		{"no group", map[string]string{"p_status_header": "x-score:[0-9]+\\.[0-9]", "p_max_value": "15"}, 5, 50, ""},
		{"below nothing", map[string]string{"p_status_header": "X-Min", "p_max_value": "5"}, 1, 0, ""},
		{"above all", map[string]string{"p_status_header": "X-Max", "p_max_value": "5"}, 10, 100, ""},
		{"strlen", map[string]string{"p_status_header": "X-Stars", "p_status_type": "strlen", "p_max_value": "8"}, 5, 50, ""},
		{"text", map[string]string{"p_status_header": "X-Word", "p_status_type": "text", "p_text_value10": "Spam"}, 10, 100, ""},
		{"text, 2.4", map[string]string{"p_status_header": "X-Word", "p_status_type": "Text", "p_text_value/1": "Spam"}, 1, 0, ""},
		{"other text", map[string]string{"p_status_header": "X-Word", "p_status_type": "text", "p_text_value1": "Ham"}, 0, 0, "none of the text values"},
		{"max in a field", map[string]string{"p_status_header": "X-Score:required=(.*)", "p_max_header": "X-Max"}, 5, 50, ""},
		{"max in a field, 2.4", map[string]string{"p_status_header": "X-Score:required=(.*)", "p_score_max_header": "X-Max"}, 5, 50, ""},
		{"no max there", map[string]string{"p_status_header": "X-Max", "p_max_header": "X-None"}, 0, 0, "no field X-None"},
		{"max of nothing", map[string]string{"p_status_header": "X-Max", "p_max_header": "X-Zero"}, 0, 0, "not above 0"},
		{"no number as max", map[string]string{"p_status_header": "X-Max", "p_max_header": "X-Bad"}, 0, 0, "no decimal number"},
		{"no field", map[string]string{"p_status_header": "X-None", "p_max_value": "1"}, 0, 0, "no field X-None"},
		{"no match", map[string]string{"p_status_header": "X-Bad:[0-9]+", "p_max_value": "1"}, 0, 0, "does not match"},
		{"no number", map[string]string{"p_status_header": "X-Bad", "p_max_value": "1"}, 0, 0, "no decimal number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x, err := New(tt.settings, "p", 10)
			if err != nil {
				t.Fatal(err)
			}
			for percent, want := range map[bool]int{false: tt.value, true: tt.percent} {
				got, err := x.Value(m, percent)
				if got != want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("percent %v: %d, %v; want %d, %q", percent, got, err, want, tt.err)
				}
			}
		})
	}
}

func TestBadSettings(t *testing.T) {
	for want, settings := range map[string]map[string]string{
		"p_status_header: \"\" is no name":     {"p_status_header": ":x", "p_max_value": "1"},
		"p_status_header: invalid regular":     {"p_status_header": "X:(", "p_max_value": "1"},
		"none of score, strlen and text":       {"p_status_header": "X", "p_status_type": "stars", "p_max_value": "1"},
		"p_max_value: \"0\" is no number":      {"p_status_header": "X", "p_max_value": "0"},
		"p_score_max_value: \"x\" is no":       {"p_status_header": "X", "p_score_max_value": "x"},
		"p_max_header: \"a b\" is no name":     {"p_status_header": "X", "p_max_header": "a b"},
		"text needs p_text_valueN":             {"p_status_header": "X", "p_status_type": "text"},
		"score needs p_max_value or p_max_hea": {"p_status_header": "X"},
	} {
		x, err := New(settings, "p", 10)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if v, err := x.Value(message.Parse([]byte("X: 1\n\n")), false); v != 0 || err != nil {
			t.Errorf("%v: value %d, %v", settings, v, err)
		}
	}
}
