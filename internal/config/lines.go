package config

import (
	"fmt"
	"strings"
)

// keyLines finds the line of each key of a TOML text: "lmtp.listen",
// "expire[1].query". The text must have been parsed without an error before, so
// this scan only looks for what begins and ends keys and values.
func keyLines(text string) map[string]int {
	s := &lineScanner{text: text, line: 1, lines: make(map[string]int), count: make(map[string]int)}
	table := ""
	for s.blank(true); s.pos < len(s.text); s.blank(true) {
		if s.text[s.pos] == '[' {
			table = s.header()
			continue
		}
		s.assignment(table)
	}
	return s.lines
}

type lineScanner struct {
	text  string
	pos   int
	line  int
	lines map[string]int
	count map[string]int // elements so far of each array of tables
}

// next takes one byte.
func (s *lineScanner) next() byte {
	if s.pos >= len(s.text) {
		return 0
	}
	c := s.text[s.pos]
	s.pos++
	if c == '\n' {
		s.line++
	}
	return c
}

func (s *lineScanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// blank skips blanks and, when asked to, line ends and comments.
func (s *lineScanner) blank(lines bool) {
	for s.pos < len(s.text) {
		switch c := s.peek(); {
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			s.next()
		case lines && c == '#':
			for s.pos < len(s.text) && s.peek() != '\n' {
				s.next()
			}
		default:
			return
		}
	}
}

// header reads [a.b] or [[a.b]] and gives the name of that table, with the
// number of the element for each array of tables on the way.
func (s *lineScanner) header() string {
	line := s.line
	s.next()
	array := s.peek() == '['
	if array {
		s.next()
	}
	parts := s.key(']')
	s.next()
	if array {
		s.next()
	}
	name := ""
	for i, part := range parts {
		name = join(name, part)
		if last := i == len(parts)-1; last && array {
			s.count[name]++
		}
		if n := s.count[name]; n > 0 {
			s.note(name, line)
			name = fmt.Sprintf("%s[%d]", name, n-1)
		}
		s.note(name, line)
	}
	return name
}

// assignment reads key = value.
func (s *lineScanner) assignment(table string) {
	line := s.line
	name := table
	for _, part := range s.key('=') {
		name = join(name, part)
		s.note(name, line)
	}
	s.next()
	s.value(name)
}

func (s *lineScanner) note(name string, line int) {
	if _, ok := s.lines[name]; !ok {
		s.lines[name] = line
	}
}

// key reads a dotted key up to the byte that ends it, which it leaves.
func (s *lineScanner) key(end byte) []string {
	var parts []string
	for s.pos < len(s.text) {
		s.blank(false)
		switch c := s.peek(); c {
		case end:
			return parts
		case '.':
			s.next()
		case '"', '\'':
			parts = append(parts, s.quoted())
		default:
			start := s.pos
			for s.pos < len(s.text) && strings.IndexByte(" \t.=]", s.peek()) < 0 {
				s.next()
			}
			if s.pos == start {
				s.next() // cannot be in a valid file; the scan must end all the same
			}
			parts = append(parts, s.text[start:s.pos])
		}
	}
	return parts
}

// value passes over a value, noting the keys of inline tables in it.
func (s *lineScanner) value(name string) {
	s.blank(false)
	switch s.peek() {
	case '"', '\'':
		s.quoted()
	case '[':
		s.next()
		for i := 0; ; i++ {
			s.blank(true)
			if s.peek() == ',' {
				s.next()
				s.blank(true)
			}
			if s.peek() == ']' || s.pos >= len(s.text) {
				s.next()
				return
			}
			element := fmt.Sprintf("%s[%d]", name, i)
			s.note(element, s.line)
			s.value(element)
		}
	case '{':
		s.next()
		for {
			s.blank(true)
			if s.peek() == ',' {
				s.next()
				s.blank(true)
			}
			if s.peek() == '}' || s.pos >= len(s.text) {
				s.next()
				return
			}
			s.assignment(name)
		}
	default:
		for s.pos < len(s.text) && strings.IndexByte(",]}#\n", s.peek()) < 0 {
			s.next()
		}
	}
}

// quoted passes over a string of any of the four kinds and gives its text, with
// escapes as they are written (keys seldom have any).
func (s *lineScanner) quoted() string {
	quote := s.text[s.pos : s.pos+1]
	if long := strings.Repeat(quote, 3); strings.HasPrefix(s.text[s.pos:], long) {
		quote = long
	}
	for range len(quote) {
		s.next()
	}
	start := s.pos
	for s.pos < len(s.text) && !strings.HasPrefix(s.text[s.pos:], quote) {
		if s.peek() == '\\' && quote[0] == '"' {
			s.next()
		}
		s.next()
	}
	text := s.text[start:min(s.pos, len(s.text))]
	for range len(quote) {
		s.next()
	}
	// Up to two quotes may stand before the three that end a long string.
	for len(quote) == 3 && s.peek() == quote[0] {
		s.next()
	}
	return text
}

// join puts a key behind the name of its table.
func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}
