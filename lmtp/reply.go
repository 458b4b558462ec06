package lmtp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dovetail/internal/mailerr"
)

// maxReplyText is the longest text of a reply line; the line with its code and
// its end stays within the 512 bytes of RFC 5321 section 4.5.3.1.5.
const maxReplyText = 490

// reply adds a reply of one line. Its text, with the enhanced status code first,
// is our own; what others wrote goes through replyError.
func (s *session) reply(code int, text string) {
	s.line(code, ' ', text)
}

func (s *session) line(code int, sep byte, text string) {
	if len(s.wire.out) == 0 {
		s.wire.since = time.Now()
	}
	out := strconv.AppendInt(s.wire.out, int64(code), 10)
	out = append(append(append(out, sep), text...), '\r', '\n')
	s.wire.out = out
	if len(out) >= flushAt || time.Since(s.wire.since) > flushAfter {
		if err := s.wire.flush(); err != nil {
			s.lost(err)
		}
	}
}

// refuse answers a command that cannot be done, and notes it.
func (s *session) refuse(code int, text string) {
	s.log.Debug("LMTP command refused", "code", code, "reply", text)
	s.reply(code, text)
}

// replyError answers with the class, status and public text of err. The text may
// have several lines; each line of the reply repeats code and status (RFC 2034
// section 4). about, an address, goes in front of a text that does not name one.
func (s *session) replyError(err error, about string) {
	e := mailerr.Of(err)
	code, status := e.Code, fmt.Sprintf("%d.%d.%d ", e.Status[0], e.Status[1], e.Status[2])
	if code/100 != e.Status[0] || code < 400 || code > 599 {
		s.log.Error("an error with a wrong reply code counts as temporary", "code", code, "status", status, "error", err)
		code, status = 451, "4.3.0 "
	}
	text := e.Public
	if about != "" && !strings.HasPrefix(text, "<") {
		text = "<" + about + "> " + text
	}
	lines := replyLines(text, maxReplyText-len(status))
	for i, text := range lines {
		sep := byte('-')
		if i == len(lines)-1 {
			sep = ' '
		}
		s.line(code, sep, status+text)
	}
}

// replyLines breaks text at its line ends and into lines of at most width bytes,
// at a space where there is one. Control characters become '?'.
func replyLines(text string, width int) []string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n")
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.Map(printable, strings.TrimRight(line, " \t"))
		for len(line) > width {
			n := strings.LastIndexByte(line[:width], ' ') + 1
			if n == 0 {
				for n = width; n > 1 && !utf8.RuneStart(line[n]); n-- {
				}
			}
			lines = append(lines, strings.TrimRight(line[:n], " "))
			line = line[n:]
		}
		lines = append(lines, line)
	}
	return lines
}

func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case r < ' ' || r == 0x7f || r == utf8.RuneError:
		return '?'
	}
	return r
}
