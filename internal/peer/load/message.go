package load

import (
	"bytes"
	"fmt"
	"strings"
)

// Message makes the message with that id, of about size bytes, with CRLF line
// ends. Header holds further header fields, each ended by CRLF.
func Message(id string, size int, header string) []byte {
	return message(id, header, filler(size-len(message(id, header, nil))))
}

func message(id, header string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: Sender <sender@example.net>\r\nTo: User <user@example.org>\r\nSubject: load\r\n"+
		"Message-ID: <%s@load.example.net>\r\nDate: Sat, 21 Nov 2026 08:00:00 +0000\r\n%s"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", id, header)
	b.Write(body)
	fmt.Fprintf(&b, "End of %s\r\n", id)
	return b.Bytes()
}

// filler returns numbered lines of not more than size bytes together.
func filler(size int) []byte {
	var b bytes.Buffer
	for i := 0; ; i++ {
		line := fmt.Sprintf("%06d The quick brown fox jumps over the lazy dog, again and again.\r\n", i)
		if b.Len()+len(line) > size {
			return b.Bytes()
		}
		b.WriteString(line)
	}
}

// Whole returns the id of a stored message, if it is one that Message has made
// and nothing of its end is missing. Fields may have been added to its header
// and its line ends may be LF.
func Whole(stored string) (id string, whole bool) {
	stored = strings.ReplaceAll(stored, "\r\n", "\n")
	_, rest, found := strings.Cut(stored, "\nMessage-ID: <")
	if !found {
		return "", false
	}
	id, _, found = strings.Cut(rest, "@load.example.net>\n")
	if !found {
		return "", false
	}
	_, body, found := strings.Cut(rest, "\n\n")
	if !found {
		return id, false
	}
	lines := strings.SplitAfter(body, "\n")
	if len(lines) < 2 || lines[len(lines)-1] != "" || lines[len(lines)-2] != "End of "+id+"\n" {
		return id, false
	}
	for i, line := range lines[:len(lines)-2] {
		if !strings.HasPrefix(line, fmt.Sprintf("%06d ", i)) {
			return id, false
		}
	}
	return id, true
}
